import type { NumberBatch } from '../../store/read/run-reader.ts'

/** Stands for the tokens of an event that nobody counted. */
export const NOT_COUNTED = 0xffffffff

export type Numbers = NumberBatch['columns'][number]

/** Token events, a column a fact; those of one request come in the order of their index. */
export interface EventBatch {
  readonly rows: number
  /** The place of its request in the token events' `requests`; below 0: of none of these. */
  readonly place: Int32Array
  readonly tNs: Numbers
  readonly lateNs: Numbers
  readonly tokens: Numbers
  readonly coalesced: Numbers
  readonly owner: unknown
}
