import type { Report } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { ms, number, percent } from '../base/format.ts'
import { useAnswer } from '../base/use-answer.ts'
import type { ViewProps } from '../base/view-props.ts'
import { CounterCharts } from '../parts/counter-charts.tsx'
import { FigureTable } from '../parts/figure-table.tsx'
import { Answered } from '../parts/states.tsx'

/** What the engine said of itself: steps by kind, queue, KV cache, prefix hits. */
export function EnginePage({ id }: ViewProps) {
  const answer = useAnswer<Report>(runPath(id, '/report'))
  return (
    <div class="page">
      <h1 class="hidden-label">Engine</h1>
      <Answered answer={answer} what="Analysing the run …">
        {({ engine_metrics: engine, steps }) => (
          <div class="charts">
            {steps !== null && (
              <section class="panel">
                <header>
                  <h2>Steps</h2>
                  <span class="muted">{number(steps.preemptions)} preemptions</span>
                </header>
                <table>
                  <thead>
                    <tr>
                      <th scope="col">kind</th>
                      <th scope="col" class="num">
                        steps
                      </th>
                      <th scope="col" class="num">
                        tokens
                      </th>
                      <th scope="col" class="num">
                        mean
                      </th>
                      <th scope="col" class="num">
                        max
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {steps.kinds.map((kind) => (
                      <tr key={kind.kind}>
                        <td>{kind.kind}</td>
                        <td class="num">{number(kind.steps)}</td>
                        <td class="num">{number(kind.tokens)}</td>
                        <td class="num">{ms(kind.dur_ms?.mean)}</td>
                        <td class="num">{ms(kind.dur_ms?.max)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </section>
            )}
            {engine !== null && (
              <FigureTable
                title="As the server reports itself"
                note={`${number(engine.pages)} pages`}
                rows={[
                  ['running, mean and most', `${number(engine.running?.mean)} · ${number(engine.running?.max)}`],
                  ['waiting, mean and most', `${number(engine.waiting?.mean)} · ${number(engine.waiting?.max)}`],
                  ['KV cache, mean and most', `${percent(engine.kv_cache?.mean)} · ${percent(engine.kv_cache?.max)}`],
                  ['prefix cache hits', percent(engine.prefix_hit_ratio)],
                  ['preemptions', number(engine.preemptions)],
                  ['prompt tokens', number(engine.prompt_tokens)],
                  ['output tokens', number(engine.generation_tokens)],
                  ['queue, mean', ms(engine.queue_mean_ms)],
                  ['TTFT, mean', ms(engine.ttft_mean_ms)],
                  ['ITL, mean', ms(engine.itl_mean_ms)],
                ]}
              />
            )}
          </div>
        )}
      </Answered>
      <CounterCharts
        id={id}
        layers="engine"
        title="Engine counters"
        empty="The engine's own figures were not recorded"
        command="--engine-metrics URL"
      />
    </div>
  )
}
