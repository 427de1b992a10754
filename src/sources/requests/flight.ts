import type { Status } from '../../trace/tables.ts'
import { Answer, type AnswerUser } from './answer.ts'
import type { Deadlined } from './deadlines.ts'
import type { Closed, Connection, ConnectionUser } from './http/connection.ts'
import type { ResponseHead } from './http/http-response.ts'
import type { ConnectionPool } from './http/pool.ts'
import type { EncodedRequest, RequestHeads } from './http/request-head.ts'
import { type Ending, judgeEnded, judgeStream, judgeWhole } from './judgement.ts'
import { overdue } from './overdue.ts'
import { type EncodedBody, endpointOf, type RequestBodies } from './request-body.ts'
import type { RequestPlan } from './request-plan.ts'
import { newRecord, type RequestOutcome, type RequestRecord, startAgain } from './request-record.ts'
import { isBusy, retryWaitMs } from './retry-after.ts'
import type { Redact } from './secrets.ts'
import { AnswerError } from './stream/answer-error.ts'
import { type LiveCounts, type RequestHooks, type StreamContext, TokenStream } from './stream/token-stream.ts'
import type { Endpoint, Target } from './target.ts'
import { pathOf } from './target.ts'

export interface FlightContext extends StreamContext {
  readonly target: Target
  readonly runId: string
  readonly pool: ConnectionPool
  readonly heads: RequestHeads
  readonly bodies: RequestBodies
  readonly redact: Redact
  /** Attempts after the first of a request that a full server (429, 503) refuses. */
  readonly retries: number
  /** Counts latencies as they arrive; null if nothing shows them. */
  readonly live: LiveCounts | null
  now(): number
  readonly totals: { tokens: number; txBytes: number; txBodyBytes: number; rxBodyBytes: number }
  ended(flight: Flight): void
}

/** A request as it is sent. */
export interface WireRequest extends EncodedRequest {
  readonly endpoint: Endpoint
  readonly fields: EncodedBody['fields']
  /** The version of the bodies at encoding: the request is encoded again if they have changed. */
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

/**
 * One request from its hand-over to its row: it takes a connection, writes, waits for the answer, decides how it ended.
 * Every path ends in `finish`, once.
 */
export class Flight implements ConnectionUser, AnswerUser, Deadlined {
  slot = -1
  /** Hears of the outcome, once its row is written. */
  onOutcome: ((outcome: RequestOutcome) => void) | null = null
  readonly record: RequestRecord
  readonly plan: RequestPlan
  private readonly context: FlightContext
  private readonly hooks: RequestHooks | undefined
  private answer: Answer
  private connection: Connection | null = null
  private request: WireRequest | null
  private nextTry: NodeJS.Timeout | undefined
  private writtenNs = Number.NaN
  private retried = false
  /** The limit for a full server, over all attempts. */
  private waitedMs = 0
  private over = false

  constructor(context: FlightContext, plan: RequestPlan, hooks: RequestHooks | undefined, encoded: WireRequest | null) {
    this.request = encoded
    this.context = context
    this.plan = plan
    this.hooks = hooks
    this.answer = this.newAnswer()
    this.record = newRecord(plan.requestId, context.now())
  }

  get stream(): TokenStream {
    return this.answer.stream
  }

  get wantsStream(): boolean {
    return this.plan.stream
  }

  /** Encodes the request, unless that was done before, and asks for a connection. */
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
    const { record, context, answer } = this
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
      if (!this.over && this.connection === connection) answer.stream.sentNs = record.sentNs = context.now()
    })
  }

  received(bytes: Buffer, view: DataView, start: number, end: number): void {
    this.record.rxBytes += end - start
    try {
      this.answer.received(bytes, view, start, end)
    } catch (error) {
      this.failed(error)
    }
  }

  closed(why: Closed): void {
    const { context, answer, record } = this
    this.connection = null
    if (!this.over && why.kind !== 'connect' && !answer.reader.started && record.connReused === true && !this.retried) {
      // The server closed the kept-alive connection while the request was on its way: this is normal, so it is retried
      // once.
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
    else if (answer.reading === 'error') this.refused(endNs)
    else if (why.kind === 'end' && answer.reader.untilClose) {
      answer.lastReadNs = endNs
      answer.end()
    } else {
      // The last bytes may be an error.
      answer.lastEvent()
      if (this.over) return
      if (Number.isNaN(answer.stream.endedNs))
        this.fail(why.kind === 'reset' ? 'reset' : 'truncated', `${why.message} ${answer.progress()}`, endNs)
      else this.complete()
    }
  }

  headed(head: ResponseHead): void {
    const { record, context } = this
    record.headersNs = context.stamps.tNs
    record.httpStatus = head.status
    if (head.status >= 300 && head.status < 400) {
      const to = head.headers.get('location') ?? 'nowhere'
      const what = `HTTP ${head.status} to ${to}: redirects are not followed (the key would go along); use that address as --url`
      throw new AnswerError('http_error', what)
    }
  }

  answered(): void {
    const { answer, plan } = this
    const { stream, lastReadNs } = answer
    if (answer.reading === 'error') this.refused(lastReadNs)
    else if (!answer.hasEvents) this.finish(judgeWhole(answer.whole!, stream, answer.contentType(), plan), lastReadNs)
    else {
      const cut = answer.lastEvent()
      if (this.over) return
      const endNs = Number.isNaN(stream.endedNs) ? lastReadNs : stream.endedNs
      this.finish(judgeStream(stream, cut, answer.contentType(), plan), endNs)
    }
  }

  errorCut(): void {
    this.refused(this.answer.lastReadNs)
  }

  failed(error: unknown): void {
    if (!(error instanceof AnswerError)) throw error
    this.fail(error.status, error.message, this.context.stamps.tNs)
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.connection?.pause()
    else this.connection?.resume()
  }

  checkDeadlines(nowNs: number): void {
    const { record, answer, connection } = this
    if (Number.isNaN(this.writtenNs)) connection?.checkAttempt(nowNs)
    const what = overdue(record, answer, this.writtenNs, this.context.target.timeouts, nowNs)
    if (what === null) return
    if (what === 'complete') this.complete()
    else if (what === 'refused') this.refused(nowNs)
    else this.fail('timeout', what.late, nowNs)
  }

  private newAnswer(): Answer {
    const { plan, context } = this
    const live = plan.phase === 'warmup' ? null : context.live
    return new Answer(context, this, new TokenStream(plan.requestId, context, this.hooks, live))
  }

  /** Complete according to the server, although its framing did not end. */
  private complete(): void {
    const { stream } = this
    if (!stream.done) stream.notEnded = true
    this.finish(judgeEnded(stream, this.plan), Number.isNaN(stream.endedNs) ? stream.finishedNs : stream.endedNs)
  }

  /** An HTTP error, with the body read so far. */
  private refused(endNs: number): void {
    const { record, context, answer } = this
    const message = answer.whole?.message() ?? ''
    const head = answer.responseHead
    const status = record.httpStatus
    if ((status === 400 || status === 422) && context.bodies.refused(message, this.request!.fields)) {
      this.giveUpAnswer()
      this.start()
      return
    }
    const asked = isBusy(status) ? (head?.headers.get('retry-after') ?? null) : null
    const waitMs =
      isBusy(status) && record.retries < context.retries ? retryWaitMs(asked, record.retries, this.waitedMs) : null
    if (waitMs !== null) {
      record.retries++
      this.waitedMs += waitMs
      this.giveUpAnswer()
      this.nextTry = setTimeout(() => this.start(), waitMs)
      return
    }
    const reason = head?.reason ?? ''
    const said = message === '' ? '' : `: ${message}`
    const later = asked === null ? '' : ` (Retry-After: ${asked})`
    this.fail('http_error', `HTTP ${status}${reason === '' ? '' : ` ${reason}`}${said}${later}`, endNs)
  }

  /** Hands the connection back and drops the answer so far, for another attempt. */
  private giveUpAnswer(): void {
    const connection = this.connection
    this.connection = null
    this.handBack(connection)
    this.again()
  }

  /** Another attempt of the same request: only the byte counts of the first are kept. */
  private again(): void {
    this.answer.drop()
    this.answer = this.newAnswer()
    this.writtenNs = Number.NaN
    startAgain(this.record)
  }

  private handBack(connection: Connection | null): void {
    if (connection === null || connection.gone) return
    const { reader } = this.answer
    if (reader.done && reader.keepAlive && connection.drained) this.context.pool.release(connection)
    else {
      connection.destroy()
      this.context.pool.dropped()
    }
  }

  private fail(status: Status, error: string, endNs: number): void {
    this.finish({ status, error }, endNs)
  }

  private finish({ status, error }: Ending, endNs: number): void {
    if (this.over) return
    this.over = true
    clearTimeout(this.nextTry)
    this.answer.drop()
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
