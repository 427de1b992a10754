import type { Distribution } from '../analysis/intervals/distribution.ts'
import { many, threeDigits, wholeNumber } from '../analysis/quantity.ts'
import type { Report } from '../analysis/report.ts'
import { durationOr, NOTHING } from './text/format.ts'
import type { Paint } from './text/paint.ts'
import { table } from './text/table.ts'
import { printable } from './text/text.ts'

export interface PlanTargetLine {
  name: string
  requests: number
  answered: number
  /** Why it was skipped. */
  problem: string | null
  runs: readonly { name: string; report: Report }[]
}

/** One line per run, then what remains at each target and why. */
export function planText(targets: readonly PlanTargetLine[], paint: Paint): string {
  const right = (title: string) => ({ title, align: 'right' as const })
  const lines = table(
    [
      { title: 'run', max: 40 },
      right('requests'),
      right('ok'),
      right('TTFT p50'),
      right('E2E p50'),
      right('TPOT p50'),
      { title: 'energy, per output token' },
      { title: 'verdict' },
    ],
    targets.flatMap(({ runs }) => runs.map(({ name, report }) => runCells(name, report, paint))),
    paint.dim,
  )
  const left = targets.flatMap(({ name, requests, answered, problem }) => {
    if (problem !== null) return [paint.red(`${name}: skipped: ${printable(problem)}`)]
    return answered === requests ? [] : [`${name}: ${wholeNumber(answered)} of ${many('request', requests)} answered`]
  })
  return [...(targets.some(({ runs }) => runs.length > 0) ? lines : []), ...left].map((line) => `${line}\n`).join('')
}

function runCells(name: string, { offered, latency, hardware, verdict }: Report, paint: Paint) {
  const energy = hardware.energy[0]
  const joules = energy?.tokens.j_per_output_token?.value
  const worst = verdict[0]?.level
  return [
    printable(name),
    wholeNumber(offered.requests),
    wholeNumber(offered.ok),
    durationOr(median(latency.ttft_ms)),
    durationOr(median(latency.e2e_ms)),
    durationOr(median(latency.tpot_ms)),
    energy === undefined || joules === undefined ? NOTHING : `${threeDigits(joules)} J (${energy.scope})`,
    worst === 'bad'
      ? { text: worst, paint: paint.red }
      : worst === 'warn'
        ? { text: worst, paint: paint.yellow }
        : 'ok',
  ]
}

/** Null where there are too few for one. */
function median(distribution: Distribution): number | null {
  return distribution !== null && 'value' in distribution.p50 ? distribution.p50.value : null
}
