import type { LateCause } from './causes.ts'

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
