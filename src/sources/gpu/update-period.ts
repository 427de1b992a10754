/** Changes to see before a period counts as known. */
const ENOUGH = 12
/** Fewer say nothing, even at the end. */
const FEWEST = 4

/**
 * How often a sensor updates, from the times at which its samples change. A value may be the same twice by chance,
 * which only makes gaps longer: so the lower quartile of them is taken. Never less than the period of the samples
 * themselves.
 */
export class UpdatePeriod {
  private readonly gaps: number[] = []
  private changedNs = Number.NaN
  private last = Number.NaN

  see(tNs: number, value: number): void {
    if (Number.isNaN(value) || value === this.last) return
    // Before the first change it is unknown how long the value has been the same.
    if (!Number.isNaN(this.changedNs)) this.gaps.push(tNs - this.changedNs)
    if (!Number.isNaN(this.last)) this.changedNs = tNs
    this.last = value
  }

  get isKnown(): boolean {
    return this.gaps.length >= ENOUGH
  }

  /** Null where too few changes were seen. */
  get ns(): number | null {
    if (this.gaps.length < FEWEST) return null
    const sorted = [...this.gaps].sort((a, b) => a - b)
    return Math.round(sorted[Math.floor(sorted.length / 4)] as number)
  }
}
