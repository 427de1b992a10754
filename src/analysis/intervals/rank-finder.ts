/** A double's 64 bits, in an order that sorts as the doubles do, are looked at 22, 21 and 21 at a time. */
const FIRST = 1 << 22
const NEXT = 1 << 21
/** Values that share their first bits are kept and sorted up to so many; beyond, they are counted by their next bits. */
const MOST_KEPT = 1 << 18
/** Counts on a page of memory. */
const PAGE_BITS = 9
const PAGE = 1 << PAGE_BITS

/** How many values have which bits. A page of memory that no value has touched is never looked at: the table is as large as what differs. */
class Counts {
  private readonly counts: Float64Array
  private readonly pages: Uint8Array

  constructor(size: number) {
    this.counts = new Float64Array(size)
    this.pages = new Uint8Array(size / PAGE)
  }

  add(bits: number, copies: number): void {
    this.counts[bits] = (this.counts[bits] as number) + copies
    this.pages[bits >>> PAGE_BITS] = 1
  }

  /** The bits in which ranks lie, from the lowest, with how many values have lower ones and how many have these. */
  find(
    ranks: readonly number[],
    before: number,
    visit: (bits: number, below: number, inside: number, ranks: number[]) => void,
  ): void {
    const sorted = [...new Set(ranks)].sort((a, b) => a - b)
    let below = before
    let next = 0
    for (let page = 0; page < this.pages.length; page++) {
      if (this.pages[page] === 0) continue
      for (let bits = page * PAGE; bits < (page + 1) * PAGE && next < sorted.length; bits++) {
        const inside = this.counts[bits] as number
        const here: number[] = []
        while (next < sorted.length && (sorted[next] as number) <= below + inside) here.push(sorted[next++] as number)
        if (here.length > 0) visit(bits, below, inside, here)
        below += inside
      }
    }
  }
}

/** Values that share the bits looked at so far, with ranks among them that are wanted. */
interface Group {
  /** Bits that are known: those of the first look, or of the first two. */
  readonly first: number
  readonly second: number | null
  /** Values before them in the order. */
  readonly before: number
  readonly ranks: readonly number[]
  /** Either the values, as they come, or how many there are by their next bits. */
  readonly kept: Float64Array | null
  readonly counts: Counts | null
  filled: number
}

/** Bits of doubles of this machine: which of two halves is the one with the sign. */
const halvesOf = (values: Float64Array, count: number) => new Uint32Array(values.buffer, values.byteOffset, 2 * count)
const upperHalf = () => new Uint8Array(Uint32Array.of(1).buffer)[0] as 0 | 1

/** Positive doubles sort as their bits do, once this is set; negative ones the other way round. */
const SIGN = 0x80000000
/** What 0 and the smallest doubles begin with. */
const ZERO = SIGN >>> 10

/**
 * Order statistics of more values than there is room for, exact: all values are counted once, then, where `want` says so, added
 * once more before each `look`, until it says that this was the last time. Memory does not grow with the values. NaN is not one.
 */
export class RankFinder {
  /** Values counted. */
  n = 0
  private zeros = 0
  private readonly upper = upperHalf()
  private readonly counts = new Counts(FIRST)
  /** Groups by their first bits: of each that has some, its place in `groups`, from 1. Ranks are few. */
  private readonly placeOf = new Uint16Array(FIRST)
  private groups: Group[][] = []
  private readonly found = new Map<number, number>()

  /** First pass: so many of the values, each as often as `copies` says (once without). */
  count(values: Float64Array, count: number, copies?: Int32Array): void {
    const { upper, counts } = this
    const lower = 1 - upper
    const halves = halvesOf(values, count)
    let n = 0
    let zeros = 0
    for (let i = 0; i < count; i++) {
      const high = halves[2 * i + upper] as number
      const times = copies === undefined ? 1 : (copies[i] as number)
      n += times
      // Of most of what is counted, 0 is by far the most frequent value.
      if (high === 0 && halves[2 * i + lower] === 0) zeros += times
      else counts.add((high >>> 31 === 1 ? ~high : high ^ SIGN) >>> 10, times)
    }
    this.n += n
    this.zeros += zeros
    if (zeros > 0) counts.add(ZERO, zeros)
  }

  /** Asks for ranks, from 1; whether a pass of `add` and then `look` have to follow. */
  want(ranks: readonly number[]): boolean {
    const unknown = ranks.filter((rank) => !this.found.has(rank))
    this.open(unknown, 0, this.counts, (first) => [first, null])
    return this.groups.length > 0
  }

  /** A later pass: the same values again. */
  add(values: Float64Array, count: number, copies?: Int32Array): void {
    const { upper, placeOf, groups } = this
    const lower = 1 - upper
    const halves = halvesOf(values, count)
    for (let i = 0; i < count; i++) {
      const high = halves[2 * i + upper] as number
      const negative = high >>> 31 === 1
      const top = (negative ? ~high : high ^ SIGN) >>> 0
      const place = placeOf[top >>> 10] as number
      if (place === 0) continue
      const low = halves[2 * i + lower] as number
      const bottom = (negative ? ~low : low) >>> 0
      const second = ((top & 0x3ff) << 11) | (bottom >>> 21)
      const times = copies === undefined ? 1 : (copies[i] as number)
      for (const group of groups[place - 1] as Group[]) {
        if (group.second !== null && group.second !== second) continue
        if (group.kept === null) group.counts?.add(group.second === null ? second : bottom & (NEXT - 1), times)
        else for (let k = 0; k < times; k++) group.kept[group.filled++] = values[i] as number
      }
    }
  }

  /** Ends a later pass; whether one more has to follow. */
  look(): boolean {
    const groups = this.groups.flat()
    this.groups = []
    for (const { first } of groups) this.placeOf[first] = 0
    for (const group of groups) {
      if (group.kept !== null) {
        const sorted = group.kept.sort()
        for (const rank of group.ranks) this.found.set(rank, sorted[rank - group.before - 1] as number)
      } else if (group.second === null) {
        this.open(group.ranks, group.before, group.counts as Counts, (second) => [group.first, second])
      } else {
        const { first, second } = group
        group.counts?.find(group.ranks, group.before, (third, _, __, ranks) => {
          for (const rank of ranks) this.found.set(rank, this.join(first, second, third))
        })
      }
    }
    return this.groups.length > 0
  }

  /** The value of a rank that was asked for. */
  at(rank: number): number {
    const value = this.found.get(rank)
    if (value === undefined) throw new RangeError(`rank ${rank} was not looked for`)
    return value
  }

  private open(
    ranks: readonly number[],
    before: number,
    counts: Counts,
    known: (bits: number) => [first: number, second: number | null],
  ): void {
    counts.find(ranks, before, (bits, below, inside, wanted) => {
      const [first, second] = known(bits)
      if (second === null && first === ZERO && inside === this.zeros) {
        for (const rank of wanted) this.found.set(rank, 0)
        return
      }
      const keeps = inside <= MOST_KEPT
      const group: Group = {
        first,
        second,
        before: below,
        ranks: wanted,
        kept: keeps ? new Float64Array(inside) : null,
        counts: keeps ? null : new Counts(NEXT),
        filled: 0,
      }
      const place = this.placeOf[first] as number
      if (place > 0) this.groups[place - 1]?.push(group)
      else this.placeOf[first] = this.groups.push([group])
    })
  }

  private join(first: number, second: number, third: number): number {
    const top = ((first << 10) | (second >>> 11)) >>> 0
    const bottom = (((second & 0x7ff) << 21) | third) >>> 0
    const negative = top >>> 31 === 0
    const value = new Float64Array(1)
    const halves = halvesOf(value, 1)
    halves[this.upper] = negative ? ~top : top ^ SIGN
    halves[1 - this.upper] = negative ? ~bottom : bottom
    return value[0] as number
  }
}
