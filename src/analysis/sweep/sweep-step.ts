import type { VerdictLine } from '../../trace/run-json.ts'
import type { Distribution } from '../intervals/distribution.ts'
import type { Rate } from '../intervals/rate-resampling.ts'
import type { Report } from '../report.ts'
import type { Share } from '../slo/share-interval.ts'
import type { SloFigures } from '../slo/slo-figures.ts'
import { percentileValue } from '../verdict/rule.ts'
import type { StepOutcome } from './level-search.ts'
import { judgeStep } from './step-outcome.ts'
import type { ResultStep } from './sweep-result.ts'

/** Two points of a distribution, ms; null where there were too few for them. */
export interface Points {
  p50: number | null
  p99: number | null
}

/** A step of a sweep: what its run's report says, in a line. */
export interface SweepStep extends ResultStep {
  /** Its folder's name within the sweep's. */
  run: string
  level: number
  requests: number
  ok: number
  span_s: number | null
  offered_per_s: number | null
  achieved_per_s: number | null
  ttft_ms: Points
  itl_ms: Points
  e2e_ms: Points
  output_tokens_per_s: Rate | null
  total_tokens_per_s: Rate | null
  slo_attainment: Share | null
  goodput: SloFigures['goodput']
  /** The objective that most answered requests broke; null where none did, or there are none. */
  broke_most: { metric: string; requests: number } | null
  outcome: StepOutcome | null
  sure: boolean
  /** Who limited the step, by its verdict: the worst line that names one. */
  limited_by: VerdictLine | null
  /** All that the verdict has against it. */
  doubts: string[]
}

/** Lines of a verdict that say who kept a run from more, most telling first. */
const LIMITERS = ['ports', 'workers', 'ceiling', 'full', 'server', 'client', 'schedule', 'network', 'same_host']

/** The line of a step; `target`: the attainment asked for. */
export function sweepStep(run: string, level: number, report: Report, target: number): SweepStep {
  const { offered, latency, tokens, slo, verdict } = report
  const doubts = verdict.filter(({ level: how }) => how === 'bad' || how === 'warn')
  const judged = judgeStep(report, target)
  return {
    run,
    level,
    requests: offered.requests,
    ok: offered.ok,
    span_s: offered.span_s,
    offered_per_s: offered.offered_per_s,
    achieved_per_s: offered.achieved_per_s,
    ttft_ms: pointsOf(latency.ttft_ms),
    itl_ms: pointsOf(latency.itl_ms),
    e2e_ms: pointsOf(latency.e2e_ms),
    output_tokens_per_s: tokens.output_per_s,
    total_tokens_per_s: tokens.total_per_s,
    slo_attainment: slo?.slo_attainment ?? null,
    goodput: slo?.goodput ?? null,
    broke_most: brokeMost(slo),
    outcome: judged?.outcome ?? null,
    sure: judged?.sure ?? false,
    limited_by: limiterIn(doubts),
    doubts: doubts.map(({ text }) => text),
  }
}

/** Bad lines before warnings; among either the most telling. */
function limiterIn(doubts: readonly VerdictLine[]): VerdictLine | null {
  const named = doubts.filter(({ what }) => LIMITERS.includes(what))
  const rank = ({ level, what }: VerdictLine) => (level === 'bad' ? 0 : 100) + LIMITERS.indexOf(what)
  return named.sort((a, b) => rank(a) - rank(b))[0] ?? null
}

function brokeMost(slo: SloFigures | null): SweepStep['broke_most'] {
  const worst = (slo?.limits ?? []).toSorted((a, b) => b.missed - a.missed)[0]
  return worst === undefined || worst.missed === 0 ? null : { metric: worst.metric, requests: worst.missed }
}

function pointsOf(distribution: Distribution): Points {
  return {
    p50: distribution === null ? null : percentileValue(distribution.p50),
    p99: distribution === null ? null : percentileValue(distribution.p99),
  }
}
