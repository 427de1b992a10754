import type { WireRequest } from '../../sources/requests/client.ts'
import type { Arrival } from '../../workload/arrivals/arrival.ts'
import type { ArrivalPlan } from './arrival-plan.ts'

/** A request that waits for its time. */
export interface ReadyRequest {
  readonly arrival: Arrival
  readonly plan: ArrivalPlan
  /** When it is due, ns after the schedule's start. */
  readonly dueNs: number
  /** Null where it is written only when it goes out. */
  encoded: WireRequest | null
}

/** Requests and bytes that lie ready at most. */
const MOST_READY = 4096
const MOST_BYTES = 64 * 2 ** 20
/** As few are made ready however far apart they are due. */
const LEAST_READY = 16
/** Work is done in slices of this length: requests that are due meanwhile are late by at most this. */
const SLICE_MS = 0.4

/**
 * Reads a schedule ahead of its time and writes its requests, a bounded number, in slices between which the event loop
 * runs. In order of time, as the schedule is.
 */
export class LookAhead {
  /** Why reading stopped, if it did. */
  failure: unknown = null
  /**
   * No further ahead of the next request than this, and no more than `most`, is prepared. Long-lived garbage causes
   * client pauses: a second of prepared requests outlives young collections, is copied twice, and takes 5 to 20 ms.
   */
  horizonNs = Number.POSITIVE_INFINITY
  private readonly most: number
  private readonly source: AsyncIterator<readonly Arrival[]>
  private readonly prepare: (arrival: Arrival) => ReadyRequest | null
  private ready: (ReadyRequest | undefined)[] = []
  private head = 0
  private bytes = 0
  private readAll = false
  private batch: readonly Arrival[] = []
  private at = 0
  private reading: Promise<void> | null = null
  private onChange: () => void = () => {}
  private onRoom: () => void = () => {}

  /** `prepare` makes the request of an arrival, or null where it is not to be offered here. */
  constructor(
    source: AsyncIterable<readonly Arrival[]>,
    prepare: (arrival: Arrival) => ReadyRequest | null,
    most = MOST_READY,
  ) {
    this.source = source[Symbol.asyncIterator]()
    this.most = most
    this.prepare = prepare
  }

  /** Reads on from now on; `onChange` is called when a request lies ready where none was, and at the end. */
  start(onChange: () => void): void {
    this.onChange = onChange
    this.reading ??= this.read().catch((error: unknown) => {
      this.failure = error
      this.readAll = true
      this.onChange()
    })
  }

  /** The next request, or null: nothing is ready, or `ended` says that nothing more comes. */
  peek(): ReadyRequest | null {
    return this.ready[this.head] ?? null
  }

  get ended(): boolean {
    return this.readAll && this.length === 0
  }

  get length(): number {
    return this.ready.length - this.head
  }

  get full(): boolean {
    const { length } = this
    if (this.readAll || length >= this.most || this.bytes >= MOST_BYTES) return true
    if (length < LEAST_READY) return false
    const [first, last] = [this.ready[this.head], this.ready.at(-1)] as ReadyRequest[]
    return (last as ReadyRequest).dueNs - (first as ReadyRequest).dueNs > this.horizonNs
  }

  /** The requests that lie ready and are due before a time. */
  dueBefore(dueNs: number): number {
    let count = 0
    for (let i = this.head; i < this.ready.length && (this.ready[i] as ReadyRequest).dueNs < dueNs; i++) count++
    return count
  }

  /** Takes what `peek` showed. */
  take(): void {
    const { encoded } = this.ready[this.head] as ReadyRequest
    this.ready[this.head++] = undefined
    this.bytes -= encoded?.bytes.length ?? 0
    if (this.head * 2 > this.ready.length && this.head > 256) {
      this.ready = this.ready.slice(this.head)
      this.head = 0
    }
    this.onRoom()
  }

  /** Reads no further. */
  async stop(): Promise<void> {
    this.readAll = true
    this.ready = []
    this.head = 0
    this.onRoom()
    await this.source.return?.()
  }

  private async read(): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS
    while (!this.readAll) {
      while (this.full && !this.readAll) {
        await new Promise<void>((resolve) => {
          this.onRoom = resolve
        })
      }
      if (this.at === this.batch.length) {
        const next = await this.source.next()
        if (next.done) break
        this.batch = next.value
        this.at = 0
        continue
      }
      const request = this.prepare(this.batch[this.at++] as Arrival)
      if (request !== null) this.add(request)
      if (performance.now() >= sliceEnd) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        sliceEnd = performance.now() + SLICE_MS
      }
    }
    this.readAll = true
    this.onChange()
  }

  private add(request: ReadyRequest): void {
    if (this.readAll) return
    const wasEmpty = this.length === 0
    this.ready.push(request)
    this.bytes += request.encoded?.bytes.length ?? 0
    if (wasEmpty) this.onChange()
  }
}
