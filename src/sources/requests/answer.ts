import type { BodyBytes } from './http/chunked.ts'
import type { ResponseHead, ResponseSink } from './http/http-response.ts'
import { ResponseReader } from './http/http-response.ts'
import { Inflate, type InflateSink } from './http/inflate.ts'
import { WholeBody } from './http/whole-body.ts'
import { AnswerError } from './stream/answer-error.ts'
import type { ReadStamps } from './stream/read-stamps.ts'
import { SseEvents } from './stream/sse-events.ts'
import type { TokenStream } from './stream/token-stream.ts'

const MOST_ERROR_BYTES = 64 * 1024
const MOST_ANSWER_BYTES = 64 * 1024 * 1024
const MOST_QUEUED_PIECES = 64

type Reading = 'head' | 'events' | 'whole' | 'sniff' | 'error'

/** State that all answers of one client share. */
export interface AnswerContext {
  readonly stamps: ReadStamps
  readonly totals: { rxBodyBytes: number }
  readonly chunks: { settle(): void }
}

/** Whose answer it is. */
export interface AnswerUser {
  /** Whether a stream of events was asked for. */
  readonly wantsStream: boolean
  /** The head has arrived: throws AnswerError if it is not a valid answer. */
  headed(head: ResponseHead): void
  /** The whole answer has arrived. */
  answered(): void
  /** More of an error's body has arrived than is kept. */
  errorCut(): void
  /** Rethrows every other error. */
  failed(error: unknown): void
  /** Signals that too much of a compressed body waits, or no longer does. */
  hold(isHeld: boolean): void
}

/** One attempt's answer, from the bytes of its head to the events of its body. */
export class Answer implements ResponseSink, InflateSink {
  readonly stream: TokenStream
  readonly reader: ResponseReader
  readonly body: BodyBytes
  reading: Reading = 'head'
  whole: WholeBody | null = null
  responseHead: ResponseHead | null = null
  lastReadNs = Number.NaN
  private readonly context: AnswerContext
  private readonly user: AnswerUser
  private events: SseEvents | null = null
  private inflate: Inflate | null = null
  private dropped = false

  constructor(context: AnswerContext, user: AnswerUser, stream: TokenStream) {
    this.context = context
    this.user = user
    this.stream = stream
    this.reader = new ResponseReader(this)
    this.body = (bytes, view, start, end) => {
      if (this.inflate === null) this.take(bytes, view, start, end)
      else {
        this.inflate.push(bytes, start, end)
        if (this.inflate.queue.length > MOST_QUEUED_PIECES) user.hold(true)
      }
    }
  }

  /** Bytes from the socket. Throws AnswerError if they are not a valid answer. */
  received(bytes: Buffer, view: DataView, start: number, end: number): void {
    this.lastReadNs = this.context.stamps.tNs
    const at = this.reader.feed(bytes, view, start, end)
    if (!this.reader.done) return
    if (at < end) this.reader.keepAlive = false
    this.end()
  }

  /** No more bytes come. */
  end(): void {
    if (this.dropped) return
    if (this.inflate === null) this.user.answered()
    else this.inflate.end()
  }

  /** Everything after this is ignored. */
  drop(): void {
    this.dropped = true
    this.inflate?.destroy()
  }

  head(head: ResponseHead): void {
    this.responseHead = head
    this.user.headed(head)
    this.inflate = Inflate.of(head.headers.get('content-encoding'), this.context.stamps, this)
    if (head.status !== 200) {
      this.reading = 'error'
      this.whole = new WholeBody(MOST_ERROR_BYTES)
    } else if (!this.user.wantsStream) {
      this.reading = 'whole'
      this.whole = new WholeBody(MOST_ANSWER_BYTES)
    } else if (this.contentType().startsWith('text/event-stream')) {
      this.reading = 'events'
      this.events = new SseEvents(this.stream)
    } else {
      this.reading = 'sniff'
      this.whole = new WholeBody(MOST_ERROR_BYTES)
    }
  }

  inflated(bytes: Buffer): void {
    if (this.dropped) return
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    try {
      this.take(bytes, view, 0, bytes.length)
    } catch (error) {
      this.user.failed(error)
    }
    this.context.chunks.settle()
  }

  inflateDrained(): void {
    if (!this.dropped) this.user.hold(false)
  }

  inflateEnded(error: AnswerError | null): void {
    if (this.dropped) return
    if (error !== null && !this.stream.done) this.user.failed(error)
    else this.user.answered()
  }

  /** Whether it is read as events. */
  get hasEvents(): boolean {
    return this.events !== null
  }

  /** Uses a last event without an empty line; true if it was cut off. It may be an error, which ends the request. */
  lastEvent(): boolean {
    try {
      return this.events?.end() ?? false
    } catch (error) {
      this.user.failed(error)
      return true
    }
  }

  /** No part of an answer has arrived: comments, pings and white space do not count. */
  get waitsForFirst(): boolean {
    const { stream, whole } = this
    if (this.user.wantsStream) return stream.tokenEvents === 0 && stream.unread === 0
    return whole === null || whole.blank
  }

  contentType(): string {
    return this.responseHead?.headers.get('content-type')?.toLowerCase() ?? '(none)'
  }

  /** How far the answer came, for the error of one that ended early. */
  progress(): string {
    const { stream } = this
    if (!this.reader.started) return 'before it answered'
    if (!this.reader.inBody) return 'within the response headers'
    return stream.events === 0 ? 'before the answer was complete' : `after ${stream.events} events of the stream`
  }

  private take(bytes: Buffer, view: DataView, start: number, end: number): void {
    this.context.totals.rxBodyBytes += end - start
    if (this.events !== null) this.events.feed(bytes, view, start, end)
    else if (this.whole !== null) {
      this.whole.push(bytes, start, end)
      if (this.reading === 'sniff') this.sniff(this.whole)
      if (this.whole.cut) this.tooLong()
    }
  }

  /** The rest past the bound is not awaited: it may have no end. */
  private tooLong(): void {
    if (this.dropped || this.events !== null) return
    if (this.reading === 'error') this.user.errorCut()
    else {
      const most = this.reading === 'whole' && !this.user.wantsStream ? MOST_ANSWER_BYTES : MOST_ERROR_BYTES
      throw new AnswerError('malformed', `an answer of more than ${most} bytes that is no event stream`)
    }
  }

  /** A stream was requested and another content-type came: some servers name it wrongly. */
  private sniff(whole: WholeBody): void {
    const events = whole.looksLikeEvents()
    if (events === undefined) return
    if (!events) {
      this.reading = 'whole'
      return
    }
    this.reading = 'events'
    this.events = new SseEvents(this.stream)
    const start = whole.joined()
    this.events.feed(start, new DataView(start.buffer, start.byteOffset, start.length), 0, start.length)
  }
}
