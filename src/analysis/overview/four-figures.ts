import type { Distribution } from '../intervals/distribution.ts'
import { duration, percent, threeDigits, wholeNumber } from '../quantity.ts'
import type { Report } from '../report.ts'

/** One of the four figures that a report begins with, as text. */
export interface OverviewFigure {
  readonly name: string
  /** `–` where it was not measured. */
  readonly value: string
  /** Its 95 % interval, or why there is none. */
  readonly interval: string
  /** Whether it meets the objectives; null where none names it. */
  readonly objective: string | null
  readonly state: 'kept' | 'broken' | 'none'
}

/** TTFT p99, ITL p99, goodput and J per output token, each with its interval and its objective. */
export function fourFigures(report: Report): OverviewFigure[] {
  const { latency } = report
  return [
    latencyFigure(report, 'TTFT', 'ttft', latency.ttft_ms),
    latencyFigure(report, 'ITL', 'itl', latency.itl_ms),
    goodputFigure(report),
    energyFigure(report),
  ]
}

const NOTHING = '–'

function latencyFigure(report: Report, name: string, metric: string, values: Distribution): OverviewFigure {
  const objective = objectiveOf(report, metric)
  if (values === null) return { name: `${name} p99`, value: NOTHING, interval: 'not measured', ...objective }
  const shown = (['p99', 'p90', 'p50'] as const).find((each) => 'value' in values[each])
  const wanted = 'too_few' in values.p99 ? values.p99.too_few : null
  const lacks =
    wanted === null ? '' : `p99 needs ${wholeNumber(wanted)} requests, there are ${wholeNumber(values.requests)}`
  if (shown === undefined) return { name: `${name} max`, value: duration(values.max), interval: lacks, ...objective }
  const { value, low, high } = values[shown] as { value: number; low: number; high: number }
  const limits = `${duration(low)} to ${duration(high)}`
  return {
    name: `${name} ${shown}`,
    value: duration(value),
    interval: lacks === '' ? limits : `${limits}; ${lacks}`,
    ...objective,
  }
}

function objectiveOf({ slo }: Report, metric: string): Pick<OverviewFigure, 'objective' | 'state'> {
  const limit = slo?.limits.find((each) => each.metric === metric || each.metric.startsWith(`${metric}_p`))
  if (limit === undefined) return { objective: null, state: 'none' }
  const known = limit.met + limit.missed
  const kept = known === 0 ? 'not known' : `kept by ${percent(limit.met / known)} of the answered`
  return {
    objective: `${limit.metric} ≤ ${duration(limit.limit_ms)}: ${kept}`,
    state: known === 0 ? 'none' : limit.missed === 0 ? 'kept' : 'broken',
  }
}

function goodputFigure({ slo, offered }: Report): OverviewFigure {
  const name = 'Goodput'
  if (slo === null) {
    const done = offered.achieved_per_s === null ? '' : `${threeDigits(offered.achieved_per_s)} requests/s answered; `
    return { name, value: NOTHING, interval: `${done}no objectives named (--slo)`, objective: null, state: 'none' }
  }
  const rate = slo.goodput?.requests_per_s ?? null
  const share = slo.slo_attainment
  return {
    name,
    value: rate === null ? NOTHING : `${threeDigits(rate.value)} requests/s`,
    interval:
      rate === null
        ? 'not measured'
        : rate.low === null || rate.high === null
          ? 'too few requests for an interval'
          : `${threeDigits(rate.low)} to ${threeDigits(rate.high)}`,
    objective:
      share === null
        ? null
        : `${wholeNumber(slo.met)} of ${wholeNumber(slo.offered)} requests met every objective (${percent(share.value)})`,
    state: slo.met === slo.offered ? 'kept' : 'broken',
  }
}

function energyFigure({ hardware }: Report): OverviewFigure {
  const [energy] = hardware.energy
  const none = { objective: null, state: 'none' } as const
  if (energy === undefined)
    return { name: 'J per output token', value: NOTHING, interval: 'power was not recorded', ...none }
  const each = energy.tokens.j_per_output_token
  const name = `J per output token, ${energy.scope === 'gpu' ? 'GPUs' : 'processors'}`
  if (each === null) return { name, value: NOTHING, interval: 'too short for the sensor', ...none }
  return {
    name,
    value: `${threeDigits(each.value)} J`,
    interval: `${threeDigits(each.low)} to ${threeDigits(each.high)} J`,
    ...none,
  }
}
