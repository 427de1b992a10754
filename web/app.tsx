import { useEffect } from 'preact/hooks'
import type { RunRow, ServedInfo } from '../src/server/web/api-types.ts'
import { runPath } from './base/api.ts'
import { useRoute } from './base/route.ts'
import { useAnswer } from './base/use-answer.ts'
import { ComparePage } from './compare/compare-page.tsx'
import { EnergyPage } from './energy/energy-page.tsx'
import { EnginePage } from './engine/engine-page.tsx'
import { KernelsPage } from './kernels/kernels-page.tsx'
import { OsPage } from './kernels/os-page.tsx'
import { LatencyPage } from './latency/latency-page.tsx'
import { OverviewPage } from './overview/overview-page.tsx'
import { Empty } from './parts/states.tsx'
import { TopBar } from './parts/top-bar.tsx'
import { RequestsPage } from './requests/requests-page.tsx'
import { DropTarget } from './runs/drop-target.tsx'
import { RunsPage } from './runs/runs-page.tsx'
import { SqlPage } from './sql/sql-page.tsx'
import { TimelinePage } from './timeline/timeline-page.tsx'

/** The views of a run, by the last part of their address. */
const VIEWS = {
  overview: { title: 'Overview', page: OverviewPage },
  timeline: { title: 'Timeline', page: TimelinePage },
  requests: { title: 'Requests', page: RequestsPage },
  latency: { title: 'Latency', page: LatencyPage },
  engine: { title: 'Engine', page: EnginePage },
  kernels: { title: 'Kernels', page: KernelsPage },
  os: { title: 'OS', page: OsPage },
  energy: { title: 'Energy', page: EnergyPage },
  sql: { title: 'SQL', page: SqlPage },
} as const

export function App() {
  const { parts, query } = useRoute()
  const [first, id = '', view = 'overview'] = parts
  const info = useAnswer<ServedInfo>('/api/info')
  const run = useAnswer<RunRow>(first === 'run' ? runPath(id) : null)
  const onlyRun = info.state === 'done' ? info.value.only_run : null
  useEffect(() => {
    if (first === undefined && onlyRun !== null) location.replace(`#/run/${encodeURIComponent(onlyRun)}/overview`)
  }, [first, onlyRun])
  const known = Object.hasOwn(VIEWS, view) ? VIEWS[view as keyof typeof VIEWS] : null
  const name = run.state === 'done' && first === 'run' ? run.value.run_id : ''
  useEffect(() => {
    document.title = first === 'run' ? `${name || id} · ${known?.title ?? ''} · Layerline` : 'Layerline'
  }, [first, id, name, known])
  const Page = known?.page
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <TopBar
        id={first === 'run' ? id : null}
        name={name}
        view={view}
        views={VIEWS}
        run={run.state === 'done' ? run.value : null}
      />
      <main id="main" tabIndex={-1}>
        {first === 'compare' ? (
          <ComparePage a={query.get('a') ?? ''} b={query.get('b') ?? ''} />
        ) : first !== 'run' ? (
          <RunsPage info={info} />
        ) : Page === undefined ? (
          <Empty title="No such view">
            <a href={`#/run/${encodeURIComponent(id)}/overview`}>The run's overview</a>
          </Empty>
        ) : (
          <Page key={`${id}/${view}`} id={id} query={query} beat={0} />
        )}
      </main>
      <DropTarget />
    </>
  )
}
