/** Why a token was late, the most direct evidence first: time that one explains is not explained by those after it. */
export const LATE_CAUSES = [
  'preempted',
  'stopped',
  'throttled',
  'stolen',
  'storage',
  'client',
  'delivery',
  'cpu_wait',
  'prefill',
] as const
export type LateCause = (typeof LATE_CAUSES)[number]

/**
 * A token event with the time since the one before it of its request (`fromNs` to `toNs`), and what else was recorded of that
 * time; null where nothing was that could tell.
 */
export interface TokenGap {
  readonly requestId: number
  readonly index: number
  readonly fromNs: number
  readonly toNs: number
  /** Requests under way beside its own. */
  readonly beside: number
  /** The most that its stamp can be late. */
  readonly stampLateNs: number
  /**
   * By how much the events after it came sooner than usual, until one did not: made in time and brought late. All of the lateness,
   * where they were the rest of the answer.
   */
  readonly caughtUpNs: number
  /** The most that it can have been stamped late, by the events after it: a token stamped late holds up none after it. */
  readonly caughtUpMostNs: number
  /**
   * Time in which other requests of this run waited for their first token, and the prompt tokens prefilled for them in
   * it.
   */
  readonly prefillNs: number
  readonly prefillTokens: number
  /** Of the engine's log: what steps with prompts took beyond usual ones, and those that decode a preempted request anew. */
  readonly promptStepsNs: number | null
  readonly recomputeNs: number | null
  /** How often the request was preempted, by the engine's log. */
  readonly preemptions: number | null
  /** Preemptions of any request, by the server's count. */
  readonly countedPreemptions: number | null
  /** Time for which processes of the engine were stopped. */
  readonly stoppedNs: number | null
  /** Time for which a CPU quota held a cgroup. */
  readonly throttledNs: number | null
  /** CPU time that the hypervisor kept. */
  readonly stolenNs: number | null
  /** Page faults of the engine that storage had to serve, and the time in which the busiest disk worked. */
  readonly majorFaults: number | null
  readonly diskNs: number | null
  /** Time in which some thread of the engine was ready and had no CPU, as far as their waits do not depend on one another. */
  readonly cpuWaitNs: number | null
}

export interface LateInput {
  readonly late: readonly TokenGap[]
  readonly onTime: readonly TokenGap[]
}

export interface ThreadShares {
  on_cpu: number | null
  blocked: number | null
  cpu_wait: number | null
}

/** Late tokens, and what happened then beyond what happens for on-time tokens: docs/late-tokens.md. */
export interface LateTokens {
  itl_median_ms: number
  /** A gap longer than this is late. */
  late_from_ms: number
  tokens: number
  late: number
  /** The longest of the late tokens; of the on-time tokens, a sample to compare with. */
  looked_at: number
  on_time: number
  /** By how much those looked at were late, and the share of it that has a cause. */
  late_ms: number
  explained_share: number
  causes: LateCauseFigures[]
  /** Late tokens of which no cause explains half. */
  unclaimed: number
  /** Causes that nothing was recorded for: neither claimed nor ruled out. */
  not_looked_for: LateCause[]
  /** What the engine's threads did, the busiest first. */
  threads: LateThread[]
  longest: LateToken[]
}

export interface LateCauseFigures {
  cause: LateCause
  /** Tokens of which it explains at least half, and more than any other. */
  tokens: number
  explained_ms: number
  /** Of the time by which tokens were late. */
  share: number
}

export interface LateThread {
  process: string | null
  thread: string | null
  /** Shares of the time of on-time tokens, and of late ones. */
  on_time: ThreadShares
  late: ThreadShares
  /** ms in all late tokens, beyond the amount in the same time of on-time tokens. */
  excess_ms: ThreadShares
}

export interface LateToken {
  request_id: number
  index: number
  at_s: number
  gap_ms: number
  /** Null: none is claimed. */
  cause: LateCause | null
  explained_ms: number
}
