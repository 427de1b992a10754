import type { LateCause, TokenGap } from './model.ts'

/** One way to see a cause. */
export interface Evidence {
  readonly cause: LateCause
  /**
   * `share`: the measure is ns of the gap, less the share of the time that on-time tokens have of it;
   * `time`: the measure is ns that count as they are;
   * `mark`: the measure says that it occurred, `explains` for how many ns.
   */
  readonly kind: 'share' | 'time' | 'mark'
  /** Null: nothing was recorded that could show it. */
  measure(gap: TokenGap): number | null
  explains?(gap: TokenGap): number
  /** Less than this is not evidence, whatever the value for on-time tokens. */
  readonly least: number
}

/** Shorter times are noise of clocks and samples. */
const LEAST_NS = 1e6
/** A prompt of fewer tokens is part of most steps of a busy server. */
const LEAST_PROMPT_TOKENS = 16

/** The most direct first: time that one explains is not explained by those after it. */
export const EVIDENCE: readonly Evidence[] = [
  { cause: 'preempted', kind: 'mark', measure: ({ preemptions }) => preemptions, explains: lengthOf, least: 1 },
  { cause: 'preempted', kind: 'time', measure: ({ recomputeNs }) => recomputeNs, least: LEAST_NS },
  {
    // Without the engine's log the request that caused it is unknown.
    cause: 'preempted',
    kind: 'mark',
    measure: ({ preemptions, countedPreemptions }) => (preemptions === null ? countedPreemptions : null),
    explains: lengthOf,
    least: 1,
  },
  { cause: 'stopped', kind: 'time', measure: ({ stoppedNs }) => stoppedNs, least: LEAST_NS },
  { cause: 'throttled', kind: 'share', measure: ({ throttledNs }) => throttledNs, least: LEAST_NS },
  { cause: 'stolen', kind: 'share', measure: ({ stolenNs }) => stolenNs, least: LEAST_NS },
  {
    cause: 'storage',
    kind: 'mark',
    measure: ({ majorFaults }) => majorFaults,
    explains: ({ diskNs }) => diskNs ?? 0,
    least: 1,
  },
  { cause: 'client', kind: 'time', measure: stampedLateNs, least: LEAST_NS },
  {
    cause: 'delivery',
    kind: 'time',
    measure: (gap) => Math.max(0, gap.caughtUpNs - stampedLateNs(gap)),
    least: LEAST_NS,
  },
  { cause: 'cpu_wait', kind: 'share', measure: ({ cpuWaitNs }) => cpuWaitNs, least: LEAST_NS },
  { cause: 'prefill', kind: 'time', measure: ({ promptStepsNs }) => promptStepsNs, least: LEAST_NS },
  {
    // Without the engine's log: what this run's own requests asked for.
    cause: 'prefill',
    kind: 'mark',
    measure: ({ promptStepsNs, prefillTokens }) => (promptStepsNs === null ? prefillTokens : null),
    explains: ({ prefillNs }) => prefillNs,
    least: LEAST_PROMPT_TOKENS,
  },
]

/** A stamp is late by at most the time since the client last read, if the events after it did not arrive early. */
function stampedLateNs({ stampLateNs, caughtUpMostNs }: TokenGap): number {
  return Math.min(stampLateNs, caughtUpMostNs)
}

function lengthOf(gap: TokenGap): number {
  return gap.toNs - gap.fromNs
}
