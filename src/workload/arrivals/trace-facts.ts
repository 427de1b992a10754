import { NOT_SAID, type TraceRows } from '../trace-rows/row-batch.ts'

/** Gaps kept to find the commonest. */
const KEPT_GAPS = 65_536
/** A shorter tick is not worth a note. */
const MIN_TICK_US = 10_000
const MIN_RESOLUTION_US = 100_000
const MIN_ROWS = 8

/** Facts of a trace's rows, collected as they pass. */
export class TraceFacts {
  rows = 0
  firstUs = Number.NaN
  minUs = Number.POSITIVE_INFINITY
  maxUs = Number.NEGATIVE_INFINITY
  /** Rows that are earlier than one before them. */
  outOfOrder = 0
  zeroInputs = 0
  zeroOutputs = 0
  /** Most tokens of a row, input and output. */
  longest = 0
  private distinct = 0
  private divisorUs = 0
  private previousUs = Number.NaN
  private readonly gaps: number[] = []

  add(rows: TraceRows): void {
    if (this.rows === 0 && rows.count > 0) {
      this.firstUs = rows.tUs[0] as number
      this.minUs = this.firstUs
      this.maxUs = this.firstUs
      this.distinct = 1
      this.previousUs = this.firstUs
    }
    const { tUs, input, output, count } = rows
    for (let i = 0; i < count; i++) {
      const t = tUs[i] as number
      if (t !== this.previousUs) this.step(t)
      if (input[i] === 0) this.zeroInputs++
      const answer = output[i] as number
      if (answer === 0) this.zeroOutputs++
      const tokens = (input[i] as number) + (answer === NOT_SAID ? 1 : answer)
      if (tokens > this.longest) this.longest = tokens
    }
    this.rows += count
  }

  private step(t: number): void {
    if (t < this.maxUs) {
      this.outOfOrder++
      if (t < this.minUs) this.minUs = t
    } else {
      const gap = t - this.maxUs
      if (gap > 0) {
        this.distinct++
        if (this.divisorUs !== 1) this.divisorUs = divisor(this.divisorUs, gap)
        if (this.gaps.length < KEPT_GAPS) this.gaps.push(gap)
      }
      this.maxUs = t
    }
    this.previousUs = t
  }

  get isSorted(): boolean {
    return this.outOfOrder === 0
  }

  get spanUs(): number {
    return this.rows === 0 ? 0 : this.maxUs - this.minUs
  }

  get rowsPerTick(): number {
    return this.rows / Math.max(1, this.distinct)
  }

  /**
   * The width of the ticks that the times stand on, µs: the commonest gap where several rows share each stamp, else
   * what divides all gaps; 0 where times are finer than is worth a word. Of sorted rows.
   */
  get tickUs(): number {
    if (this.rows < MIN_ROWS || this.gaps.length === 0) return 0
    if (this.rowsPerTick >= 1.5) {
      const common = commonest(this.gaps)
      return common >= MIN_TICK_US ? common : 0
    }
    return this.divisorUs >= MIN_RESOLUTION_US ? this.divisorUs : 0
  }
}

/** The most frequent value; of several the least. */
function commonest(values: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  let best = 0
  let most = 0
  for (const [value, count] of counts) {
    if (count < most || (count === most && value > best)) continue
    best = value
    most = count
  }
  return best
}

function divisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b]
  return a
}
