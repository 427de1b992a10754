import type { NumberBatch } from '../../store/read/run-reader.ts'

/** Marks an event whose tokens were not counted. */
export const NOT_COUNTED = 0xffffffff

export type Numbers = NumberBatch['columns'][number]

/** Token events, one column per fact; those of one request come in the order of their index. */
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

/** Writes how late the stamps of these requests' events can be, ns; returns how many there are. */
export function lateOf({ rows, place, lateNs }: EventBatch, wanted: Uint8Array, into: Float64Array): number {
  let count = 0
  for (let i = 0; i < rows; i++) {
    const at = place[i] as number
    if (at >= 0 && wanted[at] === 1) into[count++] = lateNs[i] as number
  }
  return count
}
