/**
 * Numbers by key, of which only the most recent keys stay: no less than `cap`, no more than twice that. Two generations
 * instead of an exact order of use: a look-up costs one or two of a Map's.
 */
export class Recent<K> {
  private readonly cap: number
  private young = new Map<K, number>()
  private old = new Map<K, number>()

  constructor(cap: number) {
    this.cap = cap
  }

  /** The number kept, 0 where there is none; from now on the larger of it and `value` is, as the most recent. */
  raise(key: K, value: number): number {
    const young = this.young.get(key)
    const before = young ?? this.old.get(key) ?? 0
    if (young === undefined || value > young) this.young.set(key, Math.max(before, value))
    if (this.young.size >= this.cap) {
      this.old = this.young
      this.young = new Map()
    }
    return before
  }
}
