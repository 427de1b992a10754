import type { ReadyRequest } from './look-ahead.ts'

/** How many ends of last turns are kept: past them, the oldest is forgotten. */
const MOST_ENDS = 262_144

type Session = NonNullable<ReadyRequest['arrival']['session']>

/** What later turns wait for: the turn itself if the schedule says which turn answers which, else its conversation. */
function placeOf({ id, turn, after }: Session): string {
  return after === undefined ? id : `${id}\n${turn}`
}

/** What it waits for; null: nothing. */
function placeBefore({ id, after }: Session): string | null {
  return after === undefined ? id : after === null ? null : `${id}\n${after}`
}

/**
 * Conversations whose turns wait for each other. A turn is due after its pause once the previous answer has arrived; if
 * the schedule has no pause, at its own time or when that answer arrives, whichever is later. Only waiting
 * turns and a bounded number of ends are in memory: nothing grows with the schedule.
 */
export class Turns {
  private readonly speedup: number
  private readonly dueOf: (request: ReadyRequest) => number
  /** Turns that have not ended, or conversations with one in flight, and the turns that wait for them. */
  private readonly open = new Map<string, ReadyRequest[]>()
  /** When the last turn of a conversation ended, ns since the run's epoch. */
  private readonly ends = new Map<string, number>()
  /** Turns whose predecessor has ended, by the time they are due; earliest first. */
  private readonly released: { request: ReadyRequest; atNs: number }[] = []

  /** `dueOf`: a request's own time in the schedule, ns since the run's epoch. */
  constructor(speedup: number, dueOf: (request: ReadyRequest) => number) {
    this.speedup = speedup
    this.dueOf = dueOf
  }

  /** Holds a request back that is due and must wait for its conversation. */
  park(request: ReadyRequest): boolean {
    const { session } = request.arrival
    if (session === null) return false
    const before = placeBefore(session)
    const waiting = before === null ? undefined : this.open.get(before)
    if (waiting !== undefined) {
      // It may wait long: it is encoded when it is sent.
      request.encoded = null
      waiting.push(request)
      // A turn that answers a waiting turn waits too.
      this.begin(request)
      return true
    }
    const endNs = this.ends.get(session.id)
    if (endNs === undefined || session.thinkUs === undefined) return false
    const atNs = this.afterAnswer(request, endNs)
    if (atNs <= this.dueOf(request)) return false
    this.release(request, atNs)
    return true
  }

  /** A turn is sent. */
  begin({ arrival: { session } }: ReadyRequest): void {
    if (session !== null && !this.open.has(placeOf(session))) this.open.set(placeOf(session), [])
  }

  /** A turn has ended: the next one, if it waits, now has its time. */
  end({ arrival: { session } }: ReadyRequest, endNs: number): void {
    if (session === null) return
    if (session.after !== undefined) {
      const answers = this.open.get(placeOf(session)) ?? []
      this.open.delete(placeOf(session))
      for (const answer of answers) this.release(answer, this.afterAnswer(answer, endNs))
      return
    }
    const next = this.open.get(session.id)?.shift()
    if (next !== undefined) {
      this.release(next, this.afterAnswer(next, endNs))
      return
    }
    this.open.delete(session.id)
    this.ends.delete(session.id)
    this.ends.set(session.id, endNs)
    if (this.ends.size > MOST_ENDS) {
      const [oldest] = this.ends.keys()
      this.ends.delete(oldest as string)
    }
  }

  /** The earliest turn that was released. */
  peek(): { request: ReadyRequest; atNs: number } | null {
    return this.released[0] ?? null
  }

  take(): void {
    this.released.shift()
  }

  /** Whether turns wait for an answer, or were released and not sent. */
  get waiting(): boolean {
    if (this.released.length > 0) return true
    for (const parked of this.open.values()) if (parked.length > 0) return true
    return false
  }

  /** Gives up the turns that were not sent. */
  clear(): void {
    this.open.clear()
    this.released.length = 0
  }

  private afterAnswer(request: ReadyRequest, endNs: number): number {
    const thinkUs = request.arrival.session?.thinkUs
    return thinkUs === undefined ? Math.max(endNs, this.dueOf(request)) : endNs + (thinkUs * 1000) / this.speedup
  }

  private release(request: ReadyRequest, atNs: number): void {
    let at = this.released.length
    while (at > 0 && (this.released[at - 1] as { atNs: number }).atNs > atNs) at--
    this.released.splice(at, 0, { request, atNs })
  }
}
