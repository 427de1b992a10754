import { useState } from 'preact/hooks'
import type { Overview } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { useAnswer } from '../base/use-answer.ts'
import type { ViewProps } from '../base/view-props.ts'
import { Answered, Command } from '../parts/states.tsx'
import { VerdictList } from '../parts/verdict-list.tsx'
import { Costs } from './costs.tsx'
import { FourFigures } from './four-figures.tsx'
import { LatencyTable } from './latency-table.tsx'
import { Layers } from './layers.tsx'
import { Picture } from './picture.tsx'
import { SloForm } from './slo-form.tsx'
import { Slowest } from './slowest.tsx'

export function OverviewPage({ id, query, beat }: ViewProps) {
  const [slo, setSlo] = useState(query.get('slo') ?? '')
  const path = runPath(id, `/overview${slo === '' ? '' : `?slo=${encodeURIComponent(slo)}`}`)
  const answer = useAnswer<Overview>(path, beat || null)
  return (
    <div class="page overview">
      <h1 class="hidden-label">Overview</h1>
      <Answered answer={answer} what="Analysing the run …" rows={9}>
        {({ report, headline, layers, series, next }) => (
          <>
            <p class={`headline ${headline.level}`}>{headline.text}</p>
            <FourFigures report={report} form={<SloForm value={slo} onChange={setSlo} />} />
            <div class="overview-main">
              <Picture series={series} id={id} />
              <div class="overview-side">
                <Slowest report={report} id={id} />
                <Layers layers={layers} />
              </div>
            </div>
            <div class="overview-more">
              <section class="panel">
                <header>
                  <h2>Verdict</h2>
                </header>
                <div class="body">
                  <VerdictList lines={report.verdict} />
                </div>
              </section>
              <Costs report={report} />
              <LatencyTable report={report} />
              <section class="panel">
                <header>
                  <h2>Next</h2>
                </header>
                <div class="body stack">
                  {next.map(({ command, why }) => (
                    <div key={command}>
                      <p class="muted">{why}</p>
                      <Command line={command} />
                    </div>
                  ))}
                </div>
              </section>
            </div>
          </>
        )}
      </Answered>
    </div>
  )
}
