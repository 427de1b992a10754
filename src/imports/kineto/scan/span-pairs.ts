/** A start or an end that waits for the other. */
export interface SpanEvent {
  /** Begins and ends of one key nest in each other. */
  readonly key: string
  readonly isBegin: boolean
  readonly us: number
  readonly ns: number
  readonly name: Uint8Array
  readonly args: Uint8Array
  readonly category: number
  readonly pid: number
  readonly tid: number
  readonly isAsync: boolean
  readonly correlation: number
  readonly externalId: number
  readonly stream: number
  readonly bytes: number
  readonly bandwidthGbps: number
}

/** Events held to be ordered: lines may come in any order, but memory must not grow with the file. */
const MAX_HELD = 100_000

/** Pairs begins with their ends in order of time; lines of one time stay in the order of the file. */
export class SpanPairs {
  /** Starts without an end, and ends without a start. */
  unpaired = 0
  private held: SpanEvent[] = []
  private readonly open = new Map<string, SpanEvent[]>()
  private readonly emit: (begin: SpanEvent, durationNs: number) => void

  constructor(emit: (begin: SpanEvent, durationNs: number) => void) {
    this.emit = emit
  }

  add(event: SpanEvent): void {
    this.held.push(event)
    if (this.held.length === MAX_HELD) this.pairHeld()
  }

  /** Nothing follows. */
  finish(): void {
    this.pairHeld()
    for (const begins of this.open.values()) this.unpaired += begins.length
    this.open.clear()
  }

  private pairHeld(): void {
    const { held } = this
    this.held = []
    held.sort((a, b) => a.us - b.us || a.ns - b.ns)
    for (const event of held) {
      const begins = this.open.get(event.key)
      if (event.isBegin) {
        if (begins === undefined) this.open.set(event.key, [event])
        else begins.push(event)
        continue
      }
      const begin = begins?.pop()
      if (begins?.length === 0) this.open.delete(event.key)
      if (begin === undefined) this.unpaired++
      else this.emit(begin, (event.us - begin.us) * 1000 + (event.ns - begin.ns))
    }
  }
}
