import type { Figures, Report } from '../report.ts'
import type { Share } from '../slo/share-interval.ts'
import { percentileValue } from '../verdict/rule.ts'
import type { StepOutcome } from './level-search.ts'

/**
 * Requests that were typically this late, of the time in which they were due, or never sent: another load than was asked
 * for. A twentieth is a client that sends nine tenths of the rate; in a short step a pause of the machine comes to as much.
 */
export const LATE_OF_STEP = 0.05
export const LATE_MS = 100
export const UNSENT_SHARE = 0.05

export interface StepJudgement {
  outcome: StepOutcome
  /** The attainment's 95 % interval does not hold the target. */
  sure: boolean
}

/** Whether a share reaches the target; where its interval holds the target that is no more than likely. */
export function judgeShare({ value, low, high }: Share, target: number): StepJudgement {
  // What a sum of floats may be off.
  const meets = value >= target - 1e-12
  const sure = meets ? low !== null && low >= target - 1e-12 : high !== null && high < target
  return { outcome: meets ? 'meets' : 'fails', sure }
}

/**
 * A step of a sweep, judged by its report; null where there are no objectives, or nothing was offered. A load under which the
 * server's backlog grows is not sustained, however many requests kept the objectives before the queue was too long.
 */
export function judgeStep(report: Report, target: number): StepJudgement | null {
  const share = report.slo?.slo_attainment
  if (share == null) return null
  if (!wasOffered(report)) return { outcome: 'not_offered', sure: true }
  const overloaded = report.backlog?.state === 'overloaded' && report.assessments?.server.state === 'limits'
  return overloaded ? { outcome: 'fails', sure: true } : judgeShare(share, target)
}

/** Of each level the last step: one whose interval left it open is run again, for longer. In the order of the levels' last steps. */
export function decidingSteps<T extends { readonly level: number }>(steps: readonly T[]): T[] {
  return steps.filter(({ level }, i) => steps.findLastIndex((step) => step.level === level) === i)
}

/**
 * Whether the requests went out at about the rate that was asked for. A client, or a ceiling, that cannot keep up gets
 * later and later: with a backlog that grows evenly the median lag is half of the last.
 */
function wasOffered({ run, offered, latency }: Pick<Figures, 'run' | 'offered' | 'latency'>): boolean {
  if (run.loop !== 'open') return true
  const unsent = offered.by_status
    .filter(({ status, phase }) => phase === 'measured' && status === 'not_sent')
    .reduce((sum, { requests }) => sum + requests, 0)
  if (unsent >= UNSENT_SHARE * offered.requests) return false
  const { lag_ms: lag } = latency
  if (lag === null || offered.span_s === null) return true
  const dueS = offered.span_s - (offered.tail_s ?? 0)
  return (percentileValue(lag.p50) ?? lag.mean) < Math.max(LATE_MS, LATE_OF_STEP * dueS * 1e3)
}
