import { NULL_OF } from '../../../trace/columns.ts'

const UNKNOWN = NULL_OF.u32
/** More than one event ever holds; a larger difference is a server's error. */
const MOST_TOKENS_OF_EVENT = 65_536

/**
 * Tokens of single events, by the differences of a count that runs with them. It is believed from event to event, only
 * while it runs: zeros until the end, every fourth word or the last one alone say how many tokens there are, and not
 * where they are.
 */
export class RunningCount {
  /** The count did not grow at the last event with text: an earlier count was ahead, and belongs to no single event. */
  stalled = false
  private last = 0
  /** The last event with text had a count, and one that grew. */
  private runs = true
  /** An event with text was counted by it. */
  private grown = false

  /** An event with text, and the count with it. */
  text(total: number): number {
    const delta = total - this.last
    const ran = this.runs
    this.last = total
    this.runs = delta > 0 && delta <= MOST_TOKENS_OF_EVENT
    this.stalled = ran && !this.runs
    if (!ran || !this.runs) return UNKNOWN
    this.grown = true
    return delta
  }

  /** An event with text and without a count. */
  uncounted(): void {
    this.runs = false
  }

  /** An event without text: tokens whose text is held back. What `ends` the answer may count all of it. */
  silent(total: number, ends: boolean): number {
    const delta = total - this.last
    const known = this.runs && (!ends || this.grown) && delta >= 0 && delta <= MOST_TOKENS_OF_EVENT
    if (this.runs) this.last = total
    return known ? delta : UNKNOWN
  }
}
