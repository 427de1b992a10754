import { type EventBatch, NOT_COUNTED } from './event-batch.ts'

/** What the token events of each request add up to, by the request's place. */
export class EventSums {
  readonly events: Float64Array
  /** Events without a token count, and the tokens of the others. */
  readonly unknown: Float64Array
  readonly tokens: Float64Array
  /** Events of other than one token. */
  readonly bundled: Float64Array
  readonly coalesced: Float64Array
  /** Events in one read with the one before. */
  readonly sameRead: Float64Array
  /** Infinite for a request without events. */
  readonly firstNs: Float64Array
  readonly lastNs: Float64Array

  constructor(requests: number) {
    const zeros = () => new Float64Array(requests)
    this.events = zeros()
    this.unknown = zeros()
    this.tokens = zeros()
    this.bundled = zeros()
    this.coalesced = zeros()
    this.sameRead = zeros()
    this.firstNs = zeros().fill(Number.POSITIVE_INFINITY)
    this.lastNs = zeros().fill(Number.NEGATIVE_INFINITY)
  }

  add({ rows, place, tNs, tokens, coalesced }: EventBatch): void {
    const add = (sums: Float64Array, at: number, amount: number) => {
      sums[at] = (sums[at] as number) + amount
    }
    for (let i = 0; i < rows; i++) {
      const at = place[i] as number
      if (at < 0) continue
      add(this.events, at, 1)
      const counted = tokens[i] as number
      if (counted === NOT_COUNTED) add(this.unknown, at, 1)
      else {
        add(this.tokens, at, counted)
        if (counted !== 1) add(this.bundled, at, 1)
      }
      add(this.coalesced, at, coalesced[i] as number)
      const t = tNs[i] as number
      if (t === (this.lastNs[at] as number)) add(this.sameRead, at, 1)
      if (t < (this.firstNs[at] as number)) this.firstNs[at] = t
      if (t > (this.lastNs[at] as number)) this.lastNs[at] = t
    }
  }
}
