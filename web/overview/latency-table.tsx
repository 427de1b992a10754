import type { Report } from '../../src/server/web/api-types.ts'
import { ms, number } from '../base/format.ts'

const ROWS = [
  ['TTFT', 'ttft_ms'],
  ['ITL', 'itl_ms'],
  ['TPOT', 'tpot_ms'],
  ['E2E', 'e2e_ms'],
  ['TTFT from when due', 'due_ttft_ms'],
  ['Send lag', 'lag_ms'],
] as const

type Percentile = { value: number; low: number; high: number } | { too_few: number }

export function LatencyTable({ report }: { report: Report }) {
  const rows = ROWS.filter(([, key]) => report.latency[key] !== null)
  if (rows.length === 0) return null
  return (
    <section class="panel">
      <header>
        <h2>Latency</h2>
        <span class="muted">with 95 % intervals</span>
      </header>
      <section class="scroll-x" aria-label="latency percentiles" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden-label">metric</span>
              </th>
              <th scope="col" class="num">
                n
              </th>
              <th scope="col" class="num">
                p50
              </th>
              <th scope="col" class="num">
                p90
              </th>
              <th scope="col" class="num">
                p99
              </th>
              <th scope="col" class="num">
                max
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, key]) => {
              const distribution = report.latency[key] as NonNullable<Report['latency']['ttft_ms']>
              return (
                <tr key={key}>
                  <th scope="row">{name}</th>
                  <td class="num muted">{number(distribution.n)}</td>
                  <Cell percentile={distribution.p50} />
                  <Cell percentile={distribution.p90} />
                  <Cell percentile={distribution.p99} />
                  <td class="num">{ms(distribution.max)}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </section>
    </section>
  )
}

function Cell({ percentile }: { percentile: Percentile }) {
  if ('too_few' in percentile)
    return (
      <td class="num muted" title={`wants ${percentile.too_few} requests`}>
        too few
      </td>
    )
  return (
    <td class="num">
      {ms(percentile.value)}
      <div class="muted small">
        {ms(percentile.low)} – {ms(percentile.high)}
      </div>
    </td>
  )
}
