/** Buckets per factor of two: a bucket is at most 1.6 % wide, so its middle is at most 0.8 % off. */
const PER_OCTAVE = 64
/** Everything below 1.024 µs is one bucket, everything above 2.4 h another. */
const LOW_EXPONENT = 10
const HIGH_EXPONENT = 43
const OFFSET = (1023 + LOW_EXPONENT) * PER_OCTAVE - 1
const TOP = (HIGH_EXPONENT - LOW_EXPONENT) * PER_OCTAVE + 1

/** Doubles are little-endian on every machine that runs Node, except s390x. */
const HIGH_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0

/** The counts in the form in which processes send them to each other. */
export interface PlainCounts {
  readonly counts: Float64Array
  readonly n: number
  readonly sumNs: number
  readonly maxNs: number
}

/**
 * Counts of durations in ns, in buckets of equal ratio; always 17 kB. Recording costs a few ns, because the bucket is
 * read from the bits of the double.
 */
export class LogCounts implements PlainCounts {
  static readonly buckets = TOP + 1
  readonly counts = new Float64Array(LogCounts.buckets)
  n = 0
  sumNs = 0
  maxNs = Number.NaN
  private readonly bits = new Uint32Array(2)
  private readonly value = new Float64Array(this.bits.buffer)

  /** Adds one duration. NaN is ignored; a negative duration counts as 0. */
  record(ns: number): void {
    if (Number.isNaN(ns)) return
    let bucket = 0
    if (ns >= 1024) {
      this.value[0] = ns
      bucket = ((this.bits[HIGH_WORD] as number) >>> 14) - OFFSET
      if (bucket > TOP) bucket = TOP
    }
    this.counts[bucket] = (this.counts[bucket] as number) + 1
    this.n++
    this.sumNs += ns
    if (!(ns <= this.maxNs)) this.maxNs = ns
  }

  /** Adds the counts of another instance, of this or another process. */
  add(other: PlainCounts): void {
    if (other.n === 0) return
    for (let i = 0; i < TOP + 1; i++) this.counts[i] = (this.counts[i] as number) + (other.counts[i] as number)
    this.n += other.n
    this.sumNs += other.sumNs
    if (!(other.maxNs <= this.maxNs)) this.maxNs = other.maxNs
  }

  /** A copy that can be sent. */
  plain(): PlainCounts {
    return { counts: this.counts.slice(), n: this.n, sumNs: this.sumNs, maxNs: this.maxNs }
  }

  clear(): void {
    this.counts.fill(0)
    this.n = 0
    this.sumNs = 0
    this.maxNs = Number.NaN
  }

  /**
   * The value at rank ceil(share x n), ns, at most 0.8 % off and never past the largest; NaN if nothing was counted.
   */
  quantile(share: number): number {
    if (this.n === 0) return Number.NaN
    const rank = Math.max(1, Math.ceil(share * this.n))
    let seen = 0
    for (let i = 0; i < TOP; i++) {
      seen += this.counts[i] as number
      if (seen >= rank) return Math.min(this.maxNs, (lowOf(i) + lowOf(i + 1)) / 2)
    }
    return this.maxNs
  }

  /** How many were below a bound, ns; exact where the bound is 2^k or 1.5 x 2^k, from 1024 to 2^43. */
  below(boundNs: number): number {
    let seen = 0
    for (let i = 0; i < TOP && lowOf(i + 1) <= boundNs; i++) seen += this.counts[i] as number
    return seen
  }
}

function lowOf(bucket: number): number {
  if (bucket === 0) return 0
  const octave = Math.floor((bucket - 1) / PER_OCTAVE)
  return 2 ** (LOW_EXPONENT + octave) * (1 + ((bucket - 1) % PER_OCTAVE) / PER_OCTAVE)
}
