import type { Status } from '../../trace/tables.ts'
import type { Deadlined } from './deadlines.ts'
import type { BodyBytes } from './http/chunked.ts'
import type { Closed, Connection, ConnectionUser } from './http/connection.ts'
import type { ResponseHead, ResponseSink } from './http/http-response.ts'
import { ResponseReader } from './http/http-response.ts'
import { Inflate, type InflateSink } from './http/inflate.ts'
import type { ConnectionPool } from './http/pool.ts'
import type { EncodedRequest, RequestHeads } from './http/request-head.ts'
import { WholeBody } from './http/whole-body.ts'
import { type Ending, judgeEnded, judgeStream, judgeWhole } from './judgement.ts'
import { type EncodedBody, endpointOf, type RequestBodies } from './request-body.ts'
import { type FlightRecord, newRecord, type RequestOutcome, type RequestPlan } from './request-row.ts'
import { isBusy, retryWaitMs } from './retry-after.ts'
import type { Redact } from './secrets.ts'
import { AnswerError } from './stream/answer-error.ts'
import { SseEvents } from './stream/sse-events.ts'
import { type LiveCounts, type RequestHooks, type StreamContext, TokenStream } from './stream/token-stream.ts'
import type { Endpoint, Target, Timeouts } from './target.ts'
import { pathOf } from './target.ts'

const MOST_ERROR_BYTES = 64 * 1024
const MOST_ANSWER_BYTES = 64 * 1024 * 1024
const MOST_QUEUED_PIECES = 64
/** After `[DONE]`, or finish reason and usage, the answer is complete, whether or not its framing ends. */
const AFTER_DONE_NS = 1e9
/** An error's body is a sentence: longer than this nobody waits for its end. */
const ERROR_BODY_MS = 10_000
const MS = 1e6

export interface FlightContext extends StreamContext {
  readonly target: Target
  readonly runId: string
  readonly pool: ConnectionPool
  readonly heads: RequestHeads
  readonly bodies: RequestBodies
  readonly redact: Redact
  /** Attempts after the first of a request that a full server (429, 503) refuses. */
  readonly retries: number
  /** Counts latencies as they come; null where nobody looks. */
  readonly live: LiveCounts | null
  now(): number
  readonly totals: { tokens: number; txBytes: number; txBodyBytes: number; rxBodyBytes: number }
  ended(flight: Flight): void
}

/** A request as it goes on the wire. */
export interface WireRequest extends EncodedRequest {
  readonly endpoint: Endpoint
  readonly fields: EncodedBody['fields']
  /** Of the bodies it was written with: it is written again where they have changed. */
  readonly version: number
}

/** Writes head and body of a request. */
export function encodeRequest(
  context: Pick<FlightContext, 'target' | 'bodies' | 'heads' | 'runId'>,
  plan: RequestPlan,
): WireRequest {
  const endpoint = endpointOf(plan.prompt, context.target.endpoint)
  const { text, fields } = context.bodies.encode(plan, endpoint)
  const encoded = context.heads.encode(endpoint, `${context.runId}-${plan.requestId}`, text)
  return { ...encoded, endpoint, fields, version: context.bodies.version }
}

type Reading = 'head' | 'events' | 'whole' | 'sniff' | 'error'

/**
 * One request from its hand-over to its row: it takes a connection, writes, reads the answer, judges how it ended.
 * Every path ends in `finish`, once.
 */
export class Flight implements ConnectionUser, ResponseSink, InflateSink, Deadlined {
  slot = -1
  /** Hears of the outcome, once its row is written. */
  told: ((outcome: RequestOutcome) => void) | null = null
  readonly record: FlightRecord
  readonly body: BodyBytes
  private readonly context: FlightContext
  private readonly plan: RequestPlan
  private stream: TokenStream
  private readonly hooks: RequestHooks | undefined
  private connection: Connection | null = null
  private reader: ResponseReader
  private events: SseEvents | null = null
  private whole: WholeBody | null = null
  private inflate: Inflate | null = null
  private reading: Reading = 'head'
  private answer: ResponseHead | null = null
  private request: WireRequest | null
  private nextTry: NodeJS.Timeout | undefined
  private writtenNs = Number.NaN
  private lastReadNs = Number.NaN
  private retried = false
  /** For a full server, all tries together. */
  private waitedMs = 0
  private over = false

  constructor(context: FlightContext, plan: RequestPlan, hooks: RequestHooks | undefined, encoded: WireRequest | null) {
    this.request = encoded
    this.context = context
    this.plan = plan
    this.hooks = hooks
    this.stream = this.newStream()
    this.reader = new ResponseReader(this)
    this.record = newRecord(plan, this.stream, context.now())
    this.body = (bytes, view, start, end) => {
      if (this.inflate === null) this.take(bytes, view, start, end)
      else {
        this.inflate.push(bytes, start, end)
        if (this.inflate.queue.length > MOST_QUEUED_PIECES) this.connection?.pause()
      }
    }
  }

  /** Encodes the request, where that was not done ahead, and asks for a connection. */
  start(): void {
    const { context, plan, record } = this
    if (this.request?.version !== context.bodies.version) this.request = encodeRequest(context, plan)
    // A query may hold a key.
    record.endpoint = pathOf(context.target, this.request.endpoint).replace(/\?.*/s, '')
    context.pool.acquire(this)
  }

  /** Ends it unsent. */
  refuse(why: string): void {
    this.fail('not_sent', why, this.context.now())
  }

  cancel(status: 'cancelled' | 'interrupted'): void {
    this.finish({ status, error: null }, this.context.now())
  }

  connecting(connection: Connection): void {
    this.connection = connection
    this.record.connectStartNs = connection.startNs
    this.record.connReused = false
  }

  opened(connection: Connection): void {
    const { record, context } = this
    this.connection = connection
    if (connection.uses > 0 || Number.isNaN(record.connectStartNs)) {
      record.connReused = true
      record.connectStartNs = Number.NaN
      record.connectedNs = Number.NaN
    } else record.connectedNs = connection.openedNs
    record.localPort = connection.localPort
    const request = this.request!
    record.txBytes += request.bytes.length
    context.totals.txBytes += request.bytes.length
    context.totals.txBodyBytes += request.bodyBytes
    this.writtenNs = context.now()
    connection.write(request.bytes, () => {
      if (!this.over && this.connection === connection) this.stream.sentNs = record.sentNs = context.now()
    })
  }

  received(bytes: Buffer, view: DataView, start: number, end: number): void {
    this.record.rxBytes += end - start
    this.lastReadNs = this.context.stamps.tNs
    try {
      const at = this.reader.feed(bytes, view, start, end)
      if (!this.reader.done) return
      if (at < end) this.reader.keepAlive = false
      this.bodyEnded()
    } catch (error) {
      this.failed(error)
    }
  }

  closed(why: Closed): void {
    const { context, reader, record, stream } = this
    this.connection = null
    if (!this.over && why.kind !== 'connect' && !reader.started && record.connReused === true && !this.retried) {
      // The server closed the kept-alive connection as the request was on its way: nobody's fault, once.
      this.retried = true
      this.again()
      context.pool.connect(this)
      context.pool.dropped()
      return
    }
    context.pool.dropped()
    if (this.over) return
    const endNs = context.now()
    if (why.kind === 'connect') this.fail('connect_error', why.message, endNs)
    else if (this.reading === 'error') this.refused(endNs)
    else if (why.kind === 'end' && reader.untilClose) {
      this.lastReadNs = endNs
      this.bodyEnded()
    } else {
      // Its last words may be that it failed.
      this.lastEvent()
      if (this.over) return
      if (Number.isNaN(stream.endedNs))
        this.fail(why.kind === 'reset' ? 'reset' : 'truncated', `${why.message} ${this.progress()}`, endNs)
      else this.complete()
    }
  }

  head(head: ResponseHead): void {
    const { record, context } = this
    this.answer = head
    record.headersNs = context.stamps.tNs
    record.httpStatus = head.status
    if (head.status >= 300 && head.status < 400) {
      const to = head.headers.get('location') ?? 'nowhere'
      const what = `HTTP ${head.status} to ${to}: redirects are not followed (the key would go along); use that address as --url`
      throw new AnswerError('http_error', what)
    }
    this.inflate = Inflate.of(head.headers.get('content-encoding'), context.stamps, this)
    if (head.status !== 200) {
      this.reading = 'error'
      this.whole = new WholeBody(MOST_ERROR_BYTES)
    } else if (!this.plan.stream) {
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
    if (this.over) return
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    try {
      this.take(bytes, view, 0, bytes.length)
    } catch (error) {
      this.failed(error)
    }
    this.context.chunks.settle()
  }

  inflateDrained(): void {
    this.connection?.resume()
  }

  inflateEnded(error: AnswerError | null): void {
    if (this.over) return
    if (error !== null && !this.stream.done) this.failed(error)
    else this.answered()
  }

  checkDeadlines(nowNs: number): void {
    const { record, stream } = this
    const limits: Timeouts = this.context.target.timeouts
    const past = (sinceNs: number, ms: number) => ms > 0 && nowNs - sinceNs > ms * MS
    const late = (what: string) => this.fail('timeout', what, nowNs)
    if (past(record.handedNs, limits.totalMs) && Number.isNaN(stream.endedNs))
      late(`not finished within ${limits.totalMs} ms (total timeout)`)
    else if (Number.isNaN(this.writtenNs)) {
      if (this.connection === null) return
      this.connection.checkAttempt(nowNs)
      if (past(record.connectStartNs, limits.connectMs))
        late(`no connection within ${limits.connectMs} ms (connect timeout)`)
    } else if (nowNs - stream.endedNs > AFTER_DONE_NS || past(stream.finishedNs, limits.idleMs)) this.complete()
    else if (
      this.reading === 'error' &&
      past(record.headersNs, Math.min(ERROR_BODY_MS, limits.idleMs || ERROR_BODY_MS))
    ) {
      // What came of its reason has to do: a body that drips keeps every other limit.
      this.refused(nowNs)
    } else if (this.reading === 'whole' && past(record.headersNs, limits.firstTokenMs)) {
      late(`not whole within ${limits.firstTokenMs} ms of its headers (first-token timeout)`)
    } else if (this.waitsForFirst() && this.reading !== 'error') {
      const sinceNs = Number.isNaN(record.sentNs) ? this.writtenNs : record.sentNs
      if (past(sinceNs, limits.firstTokenMs)) late(`no token within ${limits.firstTokenMs} ms (first-token timeout)`)
    } else if (past(this.reading === 'events' ? stream.progressNs : this.lastReadNs, limits.idleMs)) {
      const what = this.reading === 'events' ? 'no token' : 'nothing'
      late(`${what} came for ${limits.idleMs} ms ${this.progress()} (idle timeout)`)
    }
  }

  /** Comments, pings and white space are nothing of an answer. */
  private waitsForFirst(): boolean {
    const { stream, whole } = this
    if (this.plan.stream) return stream.tokenEvents === 0 && stream.unread === 0
    return whole === null || whole.blank
  }

  private newStream(): TokenStream {
    const { plan, context } = this
    return new TokenStream(plan.requestId, context, this.hooks, plan.phase === 'warmup' ? null : context.live)
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

  /** What is past the bound is not waited for: it may have no end. */
  private tooLong(): void {
    if (this.over || this.events !== null) return
    if (this.reading === 'error') this.refused(this.lastReadNs)
    else {
      const most = this.reading === 'whole' && !this.plan.stream ? MOST_ANSWER_BYTES : MOST_ERROR_BYTES
      throw new AnswerError('malformed', `an answer of more than ${most} bytes that is no event stream`)
    }
  }

  /** A stream was asked for and another content-type came: some servers just name it wrong. */
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

  private bodyEnded(): void {
    if (this.over) return
    if (this.inflate === null) this.answered()
    else this.inflate.end()
  }

  private failed(error: unknown): void {
    if (!(error instanceof AnswerError)) throw error
    this.fail(error.status, error.message, this.context.stamps.tNs)
  }

  /** The whole answer is here. */
  private answered(): void {
    const { stream } = this
    if (this.reading === 'error') this.refused(this.lastReadNs)
    else if (this.events === null)
      this.finish(judgeWhole(this.whole!, stream, this.contentType(), this.plan), this.lastReadNs)
    else {
      const cut = this.lastEvent()
      if (this.over) return
      const endNs = Number.isNaN(stream.endedNs) ? this.lastReadNs : stream.endedNs
      this.finish(judgeStream(stream, cut, this.contentType(), this.plan), endNs)
    }
  }

  /** Complete by the server's word, though its framing did not end. */
  private complete(): void {
    const { stream } = this
    if (!stream.done) stream.notEnded = true
    this.finish(judgeEnded(stream, this.plan), Number.isNaN(stream.endedNs) ? stream.finishedNs : stream.endedNs)
  }

  /** Uses an event that no empty line ends; true where it was cut off. It may be an error, which ends the request. */
  private lastEvent(): boolean {
    try {
      return this.events?.end() ?? false
    } catch (error) {
      this.failed(error)
      return true
    }
  }

  /** An HTTP error, its body read as far as it came. */
  private refused(endNs: number): void {
    const message = this.whole?.message() ?? ''
    const { record, context } = this
    const status = record.httpStatus
    if ((status === 400 || status === 422) && context.bodies.refused(message, this.request!.fields)) {
      this.giveUpAnswer()
      this.start()
      return
    }
    const asked = isBusy(status) ? (this.answer?.headers.get('retry-after') ?? null) : null
    const waitMs =
      isBusy(status) && record.retries < context.retries ? retryWaitMs(asked, record.retries, this.waitedMs) : null
    if (waitMs !== null) {
      record.retries++
      this.waitedMs += waitMs
      this.giveUpAnswer()
      this.nextTry = setTimeout(() => this.start(), waitMs)
      return
    }
    const reason = this.answer?.reason ?? ''
    const said = message === '' ? '' : `: ${message}`
    const later = asked === null ? '' : ` (Retry-After: ${asked})`
    this.fail('http_error', `HTTP ${status}${reason === '' ? '' : ` ${reason}`}${said}${later}`, endNs)
  }

  /** Hands the connection back and forgets what came, for another try. */
  private giveUpAnswer(): void {
    const connection = this.connection
    this.connection = null
    this.handBack(connection)
    this.again()
  }

  /** Another try of the same request: nothing of the first one stays but its bytes. */
  private again(): void {
    const { record } = this
    this.reader = new ResponseReader(this)
    this.events = null
    this.whole = null
    this.inflate = null
    this.reading = 'head'
    this.answer = null
    this.writtenNs = Number.NaN
    this.lastReadNs = Number.NaN
    this.stream = this.newStream()
    record.stream = this.stream
    record.sentNs = Number.NaN
    record.headersNs = Number.NaN
    record.httpStatus = null
    record.connectStartNs = Number.NaN
    record.connectedNs = Number.NaN
  }

  private handBack(connection: Connection | null): void {
    if (connection === null || connection.gone) return
    if (this.reader.done && this.reader.keepAlive && connection.drained) this.context.pool.release(connection)
    else {
      connection.destroy()
      this.context.pool.dropped()
    }
  }

  private progress(): string {
    const { stream } = this
    if (!this.reader.started) return 'before it answered'
    if (!this.reader.inBody) return 'within the response headers'
    return stream.events === 0 ? 'before the answer was complete' : `after ${stream.events} events of the stream`
  }

  private contentType(): string {
    return this.answer?.headers.get('content-type')?.toLowerCase() ?? '(none)'
  }

  private fail(status: Status, error: string, endNs: number): void {
    this.finish({ status, error }, endNs)
  }

  private finish({ status, error }: Ending, endNs: number): void {
    if (this.over) return
    this.over = true
    clearTimeout(this.nextTry)
    this.inflate?.destroy()
    const { record, context } = this
    context.pool.leave(this)
    record.status = status
    record.error = error === null ? null : context.redact(error)
    record.endNs = endNs
    const connection = this.connection
    this.connection = null
    this.handBack(connection)
    context.ended(this)
  }
}
