/** Lanes of one track on which slices nest: a slice that overlaps without nesting goes to the next lane. */
export class NestingLanes {
  private readonly ends: number[][] = []

  /** The lane of a slice; slices come in the order of their start, of equal starts the longest first. */
  place(startNs: number, endNs: number): number {
    for (let lane = 0; ; lane++) {
      let open = this.ends[lane]
      if (open === undefined) {
        open = []
        this.ends[lane] = open
      }
      while (open.length > 0 && (open.at(-1) as number) <= startNs) open.pop()
      if (open.length === 0 || (open.at(-1) as number) >= endNs) {
        open.push(endNs)
        return lane
      }
    }
  }
}

/** Lanes on which nothing overlaps at all; the lowest free one is taken. */
export class FreeLanes {
  private readonly ends: number[] = []

  place(startNs: number, endNs: number): number {
    let lane = this.ends.findIndex((end) => end <= startNs)
    if (lane === -1) lane = this.ends.length
    // A slice without duration still takes its lane: the next one that starts then would hide it.
    this.ends[lane] = endNs > startNs ? endNs : startNs + 1
    return lane
  }
}
