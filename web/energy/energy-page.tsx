import type { Report } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { number, percent } from '../base/format.ts'
import { useAnswer } from '../base/use-answer.ts'
import type { ViewProps } from '../base/view-props.ts'
import { CounterCharts } from '../parts/counter-charts.tsx'
import { Answered } from '../parts/states.tsx'

type Estimate = { value: number; low: number; high: number } | null

/** Power over time, and energy by stage and token, each with its interval. */
export function EnergyPage({ id }: ViewProps) {
  const answer = useAnswer<Report>(runPath(id, '/report'))
  return (
    <div class="page">
      <h1 class="hidden-label">Energy</h1>
      <Answered answer={answer} what="Analysing the run …">
        {({ hardware }) => (
          <div class="charts">
            {hardware.energy.map((energy) => (
              <section key={energy.scope} class="panel">
                <header>
                  <h2>{energy.scope === 'gpu' ? 'GPUs' : 'Processors'}</h2>
                  <span class="muted">power known for {percent(energy.covered_share)} of the time</span>
                </header>
                <table>
                  <thead>
                    <tr>
                      <th scope="col">of</th>
                      <th scope="col" class="num">
                        energy
                      </th>
                      <th scope="col" class="num">
                        95 % interval
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    <Line name="the whole run" estimate={energy.whole_j} unit="J" />
                    {Object.entries(energy.stages).map(([stage, { energy_j }]) => (
                      <Line key={stage} name={stage.replaceAll('_', ' ')} estimate={energy_j} unit="J" />
                    ))}
                    <Line name="a prompt token, prefilled" estimate={energy.tokens.prefill_j_per_token} unit="J" />
                    <Line name="an output token, decoded" estimate={energy.tokens.decode_j_per_token} unit="J" />
                    <Line name="an output token, requests only" estimate={energy.tokens.j_per_output_token} unit="J" />
                    <Line name="idle power" estimate={energy.idle_w} unit="W" />
                  </tbody>
                </table>
              </section>
            ))}
          </div>
        )}
      </Answered>
      <CounterCharts
        id={id}
        layers="gpu,host"
        unit="W"
        title="Power"
        empty="No power sensor was recorded"
        command="--gpu auto"
      />
    </div>
  )
}

function Line({ name, estimate, unit }: { name: string; estimate: Estimate; unit: string }) {
  if (estimate === null) return null
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="num">
        {number(estimate.value)} {unit}
      </td>
      <td class="num muted">
        {number(estimate.low)} – {number(estimate.high)}
      </td>
    </tr>
  )
}
