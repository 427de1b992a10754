import { useState } from 'preact/hooks'
import type { Series, SeriesLine } from '../../src/server/web/api-types.ts'
import { duration } from '../base/format.ts'
import { go } from '../base/route.ts'
import { Strip, type StripLine } from '../parts/strip.tsx'

interface Row {
  readonly title: string
  readonly lines: readonly { name: RegExp; colour: string; dashed?: boolean; fill?: boolean }[]
  readonly max?: number
}

const ROWS: readonly Row[] = [
  {
    title: 'Requests',
    lines: [
      { name: /^offered$/, colour: 'c-host', dashed: true },
      { name: /^done$/, colour: 'c-decode', fill: true },
    ],
  },
  {
    title: 'In the server',
    lines: [
      { name: /^in flight$/, colour: 'c-decode', fill: true },
      { name: /^running$/, colour: 'c-engine' },
      { name: /^waiting$/, colour: 'c-prefill' },
    ],
  },
  { title: 'Output tokens', lines: [{ name: /^output$/, colour: 'c-engine', fill: true }] },
  { title: 'ITL p99', lines: [{ name: /^ITL p99/, colour: 'c-os' }] },
  { title: 'KV cache', lines: [{ name: /^KV cache$/, colour: 'c-kernel', fill: true }], max: 1 },
  { title: 'GPU power', lines: [{ name: /^GPU power$/, colour: 'c-gpu', fill: true }] },
  { title: 'Host power', lines: [{ name: /^host power$/, colour: 'c-gpu', fill: true }] },
  { title: 'Engine CPU', lines: [{ name: /^engine CPU$/, colour: 'c-host', fill: true }] },
  { title: 'CPU busy', lines: [{ name: /^CPU busy$/, colour: 'c-host', fill: true }], max: 1 },
]
const MOST_ROWS = 7
const HEIGHT = 348

/** The run on one time axis; a click opens the timeline there. */
export function Picture({ series, id }: { series: Series; id: string }) {
  const [at, setAt] = useState<number | null>(null)
  if (series.bins === 0) {
    return (
      <section class="panel">
        <header>
          <h2>Over time</h2>
        </header>
        <div class="body muted">No measured requests to draw. The timeline shows what else was recorded.</div>
      </section>
    )
  }
  const rows = ROWS.flatMap((row) => {
    const found = row.lines.flatMap(({ name, ...look }): [SeriesLine, Omit<StripLine, 'name' | 'values'>][] => {
      const line = series.lines.find((each) => name.test(each.name))
      return line === undefined ? [] : [[line, look]]
    })
    return found.length === 0 ? [] : [{ row, found }]
  }).slice(0, MOST_ROWS)
  const total = series.bins * series.bin_ns
  const share = (ns: number) => Math.min(1, Math.max(0, (ns - series.from_ns) / total))
  const open = (x: number) => {
    const middle = series.from_ns + x * total
    go(['run', id, 'timeline'], { from: Math.round(middle - total / 20), to: Math.round(middle + total / 20) })
  }
  return (
    <section class="panel picture" aria-label="The run over time">
      <header>
        <h2>Over time</h2>
        <span class="muted">
          {at === null ? `${duration(total)} · click to open the timeline there` : `at ${duration(at * total)}`}
        </span>
      </header>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: a shortcut by pointer; the Timeline tab leads there by keyboard */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: as above */}
      <div
        class="strips"
        onPointerMove={(event) => setAt(positionOf(event))}
        onPointerLeave={() => setAt(null)}
        onClick={(event) => {
          const x = positionOf(event)
          if (x !== null) open(x)
        }}
      >
        {rows.map(({ row, found }) => (
          <Strip
            key={row.title}
            title={row.title}
            unit={found[0]?.[0].unit ?? null}
            lines={found.map(([line, look]) => ({ name: line.name, values: line.values, ...look }))}
            height={Math.max(26, Math.floor(HEIGHT / rows.length) - 9)}
            at={at}
            {...(row.max === undefined ? {} : { max: row.max })}
          />
        ))}
        <div class="strip-over" aria-hidden="true">
          {series.saturated_from_ns !== null && (
            <span class="saturated" style={{ left: `${share(series.saturated_from_ns) * 100}%`, right: '0' }}>
              saturated
            </span>
          )}
          {series.outages.map((outage, i) => (
            <span
              key={i}
              class="outage"
              title={outage.what}
              style={{
                left: `${share(outage.from_ns) * 100}%`,
                width: `${Math.max(0.2, (share(outage.to_ns) - share(outage.from_ns)) * 100)}%`,
              }}
            />
          ))}
          {at !== null && <span class="cursor" style={{ left: `${at * 100}%` }} />}
        </div>
      </div>
      <div class="strip-axis muted" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((x) => (
          <span key={x}>{duration(x * total)}</span>
        ))}
      </div>
    </section>
  )
}

/** Where in the charts a pointer is, 0 to 1; null beside them. */
function positionOf(event: MouseEvent): number | null {
  const chart = (event.currentTarget as HTMLElement).querySelector('.strip-chart')?.getBoundingClientRect()
  if (chart === undefined || event.clientX < chart.left || event.clientX > chart.right) return null
  return (event.clientX - chart.left) / chart.width
}
