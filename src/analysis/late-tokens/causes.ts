import type { TokenGap } from './token-gap.ts'

/** One way to see a cause. */
export interface Evidence {
  /**
   * `share`: the measure is ns of the gap, less the share of the time that it takes of on-time tokens;
   * `time`: the measure is ns that stand for themselves;
   * `mark`: the measure says that it happened, `explains` for how many ns.
   */
  readonly kind: 'share' | 'time' | 'mark'
  /** Null: nothing was recorded that could tell. */
  measure(gap: TokenGap): number | null
  explains?(gap: TokenGap): number
  /** Less than this is no evidence, whatever on-time tokens have. */
  readonly least: number
}

/** Why a token was late. */
interface Cause {
  /** As the report says it. */
  readonly says: string
  /** What counts as evidence, and what has to be recorded for it: for the docs. */
  readonly proof: string
  readonly needs: string
  /** Ways to see it, the most direct first. */
  readonly evidence: readonly Evidence[]
}

/** Shorter times are noise of clocks and samples. */
const LEAST_NS = 1e6
/** A prompt of fewer tokens is part of most steps of a busy server. */
const LEAST_PROMPT_TOKENS = 16

/** The most direct first: time that one explains is not explained by those after it. */
export const CAUSES = {
  preempted: {
    says: 'preempted: the KV cache was full',
    proof:
      "the request was preempted in the gap, or a step decoded a preempted request anew; without the engine's log: the server's count of preemptions grew",
    needs: '`--step-log` or `--engine-metrics`',
    evidence: [
      { kind: 'mark', measure: ({ preemptions }) => preemptions, explains: lengthOf, least: 1 },
      { kind: 'time', measure: ({ recomputeNs }) => recomputeNs, least: LEAST_NS },
      {
        // Without the engine's log its request is not known.
        kind: 'mark',
        measure: ({ preemptions, countedPreemptions }) => (preemptions === null ? countedPreemptions : null),
        explains: lengthOf,
        least: 1,
      },
    ],
  },
  stopped: {
    says: 'the engine was stopped by a signal',
    proof: 'processes of the engine in state T',
    needs: 'host layer, engine on this machine',
    evidence: [{ kind: 'time', measure: ({ stoppedNs }) => stoppedNs, least: LEAST_NS }],
  },
  throttled: {
    says: 'a CPU quota held the cgroup',
    proof: 'time that a CPU quota stopped the cgroup, share',
    needs: 'host layer, cgroup v1 or v2',
    evidence: [{ kind: 'share', measure: ({ throttledNs }) => throttledNs, least: LEAST_NS }],
  },
  stolen: {
    says: 'the hypervisor took the CPU',
    proof: 'CPU time that the hypervisor kept, share',
    needs: 'host layer',
    evidence: [{ kind: 'share', measure: ({ stolenNs }) => stolenNs, least: LEAST_NS }],
  },
  storage: {
    says: 'pages of the engine came from storage',
    proof: 'major page faults of the engine; time that the busiest disk worked',
    needs: 'host layer, engine on this machine',
    evidence: [
      {
        kind: 'mark',
        measure: ({ majorFaults }) => majorFaults,
        explains: ({ diskNs }) => diskNs ?? 0,
        least: 1,
      },
    ],
  },
  client: {
    says: 'the client itself was late',
    proof:
      'the timestamp itself is late: time since the client last read, as far as the following events came sooner for it',
    needs: 'always',
    evidence: [{ kind: 'time', measure: stampedLateNs, least: LEAST_NS }],
  },
  delivery: {
    says: 'made in time, delivered late (network, relay, front end)',
    proof:
      "the following events caught up, so they were made on time; or two or more came with it and ended the answer. The network, a relay, or the server's front end",
    needs: 'always',
    evidence: [
      {
        kind: 'time',
        measure: (gap) => Math.max(0, gap.caughtUpNs - stampedLateNs(gap)),
        least: LEAST_NS,
      },
    ],
  },
  cpu_wait: {
    says: 'threads of the engine waited for a CPU',
    proof:
      'some thread of the engine was ready and had no CPU, share: threads wait for one another, so one delays all. How many waited at once is not known; they count as independent, `1 - Π(1 - w)`',
    needs: 'host layer or `--os`',
    evidence: [{ kind: 'share', measure: ({ cpuWaitNs }) => cpuWaitNs, least: LEAST_NS }],
  },
  prefill: {
    says: 'the prompt of another request was decoded',
    proof:
      "steps with prompts took longer than steps without; without the engine's log: other requests of this run waited for their first token",
    needs: '`--step-log`, or none',
    evidence: [
      { kind: 'time', measure: ({ promptStepsNs }) => promptStepsNs, least: LEAST_NS },
      {
        // Without the engine's log: what this run's own requests asked for.
        kind: 'mark',
        measure: ({ promptStepsNs, prefillTokens }) => (promptStepsNs === null ? prefillTokens : null),
        explains: ({ prefillNs }) => prefillNs,
        least: LEAST_PROMPT_TOKENS,
      },
    ],
  },
} as const satisfies Record<string, Cause>

export type LateCause = keyof typeof CAUSES
export const LATE_CAUSES = Object.keys(CAUSES) as LateCause[]

/** Every way to see a cause, in order. */
export const EVIDENCE: readonly (Evidence & { readonly cause: LateCause })[] = LATE_CAUSES.flatMap((cause) =>
  CAUSES[cause].evidence.map((each) => ({ ...each, cause })),
)

/** A stamp is late by less than the time since the client last looked where the events after it did not come sooner. */
function stampedLateNs({ stampLateNs, caughtUpMostNs }: TokenGap): number {
  return Math.min(stampLateNs, caughtUpMostNs)
}

function lengthOf(gap: TokenGap): number {
  return gap.toNs - gap.fromNs
}
