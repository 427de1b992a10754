/** Lanes of one track: each slice takes the first that is free, so that nested slices lie below each other and none hides another. */
export class Lanes {
  private readonly ends: number[] = []
  private readonly most: number

  constructor(most: number) {
    this.most = most
  }

  /** The lane of what starts at `t`; starts must not go back. */
  take(t: number, end: number): number {
    let lane = 0
    while (lane < this.ends.length && (this.ends[lane] as number) > t) lane++
    if (lane >= this.most) lane = this.most - 1
    // What takes no time holds its lane for that instant.
    this.ends[lane] = Math.max(end, t + Number.EPSILON, this.ends[lane] ?? Number.NEGATIVE_INFINITY)
    return lane
  }

  get count(): number {
    return this.ends.length
  }
}
