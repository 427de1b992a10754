import type { TimeWindow } from '../trace-rows/row-batch.ts'

export const OVERLONG = ['skip', 'clamp', 'fail'] as const
/** What happens to a row that the server has no room for. */
export type OverlongPolicy = (typeof OVERLONG)[number]
/** What happens to a row without tokens: skipped, or offered with one token. Both are counted. */
export type EmptyPolicy = 'skip' | 'one'

/** Which rows of a trace are offered, and how they are changed; parsed, with nothing left to default. */
export interface TraceSelection {
  readonly window: TimeWindow
  readonly limit: number
  /** Share of the rows (of the conversations, where there are any), and the seed that chooses them. */
  readonly sample: number
  readonly sampleSeed: number
  /** null: times as they are. */
  readonly jitter: { readonly seed: number; readonly tickUs: number } | null
  readonly overlong: { readonly maxModelLen: number; readonly policy: OverlongPolicy } | null
  /** Rows that failed when the trace was taken. */
  readonly failures: EmptyPolicy
  readonly zeroTokens: EmptyPolicy
}
