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
  /** Time in which other requests of this run waited for their first token, and the prompt tokens decoded for them in it. */
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
