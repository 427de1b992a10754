import { useState } from 'preact/hooks'
import type { CounterOverTime } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { duration } from '../base/format.ts'
import { useAnswer } from '../base/use-answer.ts'
import { Answered, Empty } from './states.tsx'
import { Strip } from './strip.tsx'

const COLOURS = ['c-decode', 'c-prefill', 'c-engine', 'c-kernel', 'c-os', 'c-gpu', 'c-client', 'c-host'] as const

/** The counters of a layer on one time axis, those of one name together. */
export function CounterCharts({
  id,
  layers,
  unit,
  title,
  empty,
  command,
}: {
  id: string
  layers: string
  unit?: string
  title: string
  empty: string
  command: string
}) {
  const answer = useAnswer<CounterOverTime>(
    runPath(id, `/counters?layers=${layers}${unit === undefined ? '' : `&unit=${unit}`}`),
  )
  const [at, setAt] = useState<number | null>(null)
  return (
    <Answered answer={answer} what="Reading the counters …">
      {({ lines, bin_ns }) => {
        if (lines.length === 0) {
          return (
            <Empty title={empty}>
              <p>
                <code>{command}</code> records it.
              </p>
            </Empty>
          )
        }
        const names = [...new Set(lines.map(({ name }) => name))]
        const byName = names.map((name) => [name, lines.filter((line) => line.name === name)] as const)
        const total = bin_ns * 200
        return (
          <section class="panel" aria-label={title}>
            <header>
              <h2>{title}</h2>
              <span class="muted">{at === null ? duration(total) : `at ${duration(at * total)}`}</span>
            </header>
            <div
              class="strips"
              onPointerMove={(event) => {
                const chart = event.currentTarget.querySelector('.strip-chart')?.getBoundingClientRect()
                setAt(
                  chart === undefined || event.clientX < chart.left ? null : (event.clientX - chart.left) / chart.width,
                )
              }}
              onPointerLeave={() => setAt(null)}
            >
              {byName.map(([name, each]) => (
                <Strip
                  key={name}
                  title={name.replaceAll('_', ' ')}
                  unit={each[0]?.unit ?? null}
                  height={44}
                  at={at}
                  lines={each.slice(0, 8).map((line, i) => ({
                    name: line.label,
                    values: line.values,
                    colour: COLOURS[i % COLOURS.length] as string,
                    fill: each.length === 1,
                  }))}
                />
              ))}
            </div>
          </section>
        )
      }}
    </Answered>
  )
}
