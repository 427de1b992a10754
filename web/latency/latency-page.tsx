import { useState } from 'preact/hooks'
import type { Distributions } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { ms, number, percent } from '../base/format.ts'
import { useAnswer } from '../base/use-answer.ts'
import type { ViewProps } from '../base/view-props.ts'
import { binned, Histogram } from '../parts/histogram.tsx'
import { Answered, Empty } from '../parts/states.tsx'
import { Scatter } from './scatter.tsx'

/** How latencies are spread; objectives that can be moved, with what keeps them. */
export function LatencyPage({ id }: ViewProps) {
  const answer = useAnswer<Distributions>(runPath(id, '/distributions'))
  return (
    <div class="page">
      <h1 class="hidden-label">Latency</h1>
      <Answered answer={answer} what="Reading the latencies …" rows={8}>
        {(found) =>
          found.ttft_ms.length === 0 ? (
            <Empty title="No answered requests">
              <p>Latencies come from requests that were answered.</p>
            </Empty>
          ) : (
            <div class="charts">
              <Chart title="TTFT" values={found.ttft_ms} />
              <Chart title="E2E" values={found.e2e_ms} />
              <Chart title="TPOT" values={found.tpot_ms} />
              <section class="panel">
                <header>
                  <h2>ITL</h2>
                  <span class="muted">{number(found.itl.reduce((sum, { n }) => sum + n, 0))} gaps</span>
                </header>
                <div class="body">
                  <Histogram
                    title="ITL"
                    slo={null}
                    bins={found.itl.map(({ edge_ms, n }) => ({ from: edge_ms, to: edge_ms * 10 ** 0.05, n }))}
                  />
                </div>
              </section>
              <section class="panel">
                <header>
                  <h2>TTFT by input length</h2>
                  {found.ttft_ms.length < found.of_requests && (
                    <span class="muted">
                      {number(found.ttft_ms.length)} of {number(found.of_requests)} requests
                    </span>
                  )}
                </header>
                <div class="body">
                  <Scatter x={found.input_tokens} y={found.ttft_ms} xTitle="input tokens" yTitle="TTFT" />
                </div>
              </section>
            </div>
          )
        }
      </Answered>
    </div>
  )
}

function Chart({ title, values }: { title: string; values: readonly number[] }) {
  const [slo, setSlo] = useState<number | null>(null)
  const kept = slo === null ? 0 : values.filter((value) => value <= slo).length
  return (
    <section class="panel">
      <header>
        <h2>{title}</h2>
        <span class="muted">{number(values.length)} requests</span>
        <span class="spacer" />
        <label class="muted">
          objective{' '}
          <input
            type="number"
            min="0"
            step="any"
            size={8}
            placeholder="ms"
            value={slo === null ? '' : Number(slo.toPrecision(3))}
            onInput={(event) => setSlo(event.currentTarget.value === '' ? null : Number(event.currentTarget.value))}
          />{' '}
          ms
        </label>
      </header>
      <div class="body">
        <Histogram title={title} bins={binned(values)} slo={slo} onSlo={setSlo} />
        <p class="muted" role="status">
          {slo === null
            ? 'Click in the chart, or type an objective, to see how many requests keep it.'
            : `${percent(values.length === 0 ? null : kept / values.length)} keep ${ms(slo)}: ${number(kept)} of ${number(values.length)}`}
        </p>
      </div>
    </section>
  )
}
