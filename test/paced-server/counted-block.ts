import type { Framing } from './framing.ts'

const TOTAL = '"total_tokens":'
const DONE = '"completion_tokens":'
const ZERO = 48

/** An event's text around its two running counts. */
interface CountedEvent {
  readonly before: string
  readonly between: string
  readonly after: string
}

/**
 * The bytes of a period's events with running usage, whose counts continue from block to block: as long as they have as
 * many digits as before, the digits alone are written anew. What is framed per event would cost the server as much as
 * the client it measures.
 */
export class CountedBlock {
  private readonly events: readonly CountedEvent[]
  private readonly promptTokens: number
  private readonly framing: Framing
  private block = Buffer.alloc(0)
  private digits = ''
  /** Where each event's total and then its own count begin in the block. */
  private places: number[] = []

  constructor(period: readonly string[], promptTokens: number, framing: Framing) {
    this.events = period.map(countedEvent)
    this.promptTokens = promptTokens
    this.framing = framing
  }

  /** The block whose first event is the one after so many tokens. */
  after(written: number): string | Buffer {
    const [first, last] = [written + 1, written + this.events.length]
    const digits = this.digitsOf(first)
    if (!this.framing.isPlain || digits !== this.digitsOf(last)) return this.framed(written)
    if (digits !== this.digits) {
      this.block = Buffer.from(this.framed(written))
      this.digits = digits
      this.places = placesIn(this.block)
      return this.block
    }
    // The socket may still hold the one before.
    const block = Buffer.from(this.block)
    for (let i = 0; i < this.events.length; i++) {
      writeDigits(block, this.places[2 * i] as number, this.promptTokens + first + i)
      writeDigits(block, this.places[2 * i + 1] as number, first + i)
    }
    return block
  }

  private digitsOf(done: number): string {
    return `${String(this.promptTokens + done).length} ${String(done).length}`
  }

  private framed(written: number): string | Buffer {
    let done = written
    return this.framing.frame(
      this.events.map(({ before, between, after }) => {
        done++
        return before + (this.promptTokens + done) + between + done + after
      }),
    )
  }
}

function placesIn(block: Buffer): number[] {
  const places: number[] = []
  for (let at = block.indexOf(TOTAL); at >= 0; at = block.indexOf(TOTAL, at)) {
    const done = block.indexOf(DONE, at) + DONE.length
    places.push(at + TOTAL.length, done)
    at = done
  }
  return places
}

/** Over digits of the same number of places. */
function writeDigits(block: Buffer, at: number, value: number): void {
  let rest = value
  for (let place = at + String(value).length - 1; place >= at; place--) {
    const tens = Math.floor(rest / 10)
    block[place] = ZERO + rest - 10 * tens
    rest = tens
  }
}

function countedEvent(text: string): CountedEvent {
  const [, before, between, after] = /^(.*"total_tokens":)\d+(,"completion_tokens":)\d+(.*)$/s.exec(text) ?? []
  if (before === undefined || between === undefined || after === undefined)
    throw new Error(`no running usage in ${text}`)
  return { before, between, after }
}
