import type { Arrival } from '../../workload/arrivals/arrival.ts'

/** Which part of a schedule one process offers: shard `index` of `count`. */
export interface Shard {
  readonly index: number
  readonly count: number
}

export const WHOLE: Shard = { index: 0, count: 1 }

/**
 * Whether an arrival belongs to this shard: every `count`-th one; if the turns of a conversation wait for each other,
 * all
 * turns of a conversation go to one shard.
 */
export function isMine(arrival: Arrival, shard: Shard, keepSessions: boolean): boolean {
  if (shard.count === 1) return true
  const { session } = arrival
  const key = keepSessions && session !== null ? hash(session.id) : arrival.index
  return key % shard.count === shard.index
}

/** This shard's part of a whole number: the parts sum to it, and differ by one at most. */
export function partOf(whole: number, { index, count }: Shard): number {
  return Math.floor(((index + 1) * whole) / count) - Math.floor((index * whole) / count)
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
