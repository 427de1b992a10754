import { countOne, NOT_SAID, type RowCounts } from '../trace-rows/row-batch.ts'

/** Conversations that are remembered; the longest unseen goes first. */
const MAX_SESSIONS = 500_000
/** Turns that may still be answered. */
const MAX_TURNS = 1_000_000

/**
 * Numbers the offered turns of each conversation, from 0 and without holes, so that every wait for the previous turn is
 * for one that comes. The trace's own numbers only say whether they came in order.
 */
export class TurnCounter {
  private readonly sessions = new Map<string, { next: number; own: number }>()
  private readonly counts: RowCounts
  /** The turns offered, by the line of their row. */
  private readonly byLine = new Map<number, number>()

  constructor(counts: RowCounts) {
    this.counts = counts
  }

  next(session: string, own: number): number {
    const known = this.sessions.get(session)
    if (known === undefined) {
      this.sessions.set(session, { next: 1, own })
      if (this.sessions.size > MAX_SESSIONS) this.sessions.delete(this.sessions.keys().next().value as string)
      return 0
    }
    if (own !== NOT_SAID && known.own !== NOT_SAID && own < known.own) countOne(this.counts, 'turns_out_of_order')
    known.own = own
    return known.next++
  }

  /** Which turn the row of a line became, if later rows refer to it. */
  remember(line: number, turn: number): void {
    this.byLine.set(line, turn)
    if (this.byLine.size > MAX_TURNS) this.byLine.delete(this.byLine.keys().next().value as number)
  }

  /** The turn of a line's row; null where it is not offered. */
  turnOf(line: number): number | null {
    return line === NOT_SAID ? null : (this.byLine.get(line) ?? null)
  }
}
