import type { RunClock } from '../../base/time.ts'
import type { RowWriter } from '../../trace/row-writer.ts'
import { type chunks, type offers, PHASES, type requests, type texts } from '../../trace/tables.ts'
import { Deadlines } from './deadlines.ts'
import { encodeRequest, Flight, type FlightContext, type WireRequest } from './flight.ts'
import { headerRunId } from './header-run-id.ts'
import { Wire } from './http/connection.ts'
import { ConnectionPool } from './http/pool.ts'
import { RequestHeads } from './http/request-head.ts'
import type { ServerInfo } from './probe.ts'
import { RequestBodies } from './request-body.ts'
import type { RequestPlan } from './request-plan.ts'
import { type RequestOutcome, takeStream } from './request-record.ts'
import { appendRequestRow, appendTextRow } from './request-row.ts'
import { redactor } from './secrets.ts'
import { abilitiesOf } from './server-kinds.ts'
import { SharedShapes } from './stream/event-shape.ts'
import { ReadStamps } from './stream/read-stamps.ts'
import type { LiveCounts, RequestHooks } from './stream/token-stream.ts'
import type { Target } from './target.ts'

export type { LiveCounts, RequestHooks, RequestOutcome, RequestPlan, WireRequest }

export interface ClientSinks {
  requests: RowWriter<typeof requests>
  chunks: RowWriter<typeof chunks>
  offers: RowWriter<typeof offers>
  /** Null: no text is kept. */
  texts: RowWriter<typeof texts> | null
}

export interface ClientOptions {
  runId: string
  shard: number
  /** Requests past it wait for a connection; unset: no limit. */
  maxSockets?: number
  /** Prompts and outputs to `texts`, outputs to the outcome. */
  keepTexts: boolean
  /** Asks for token ids, and keeps them with the texts. */
  keepTokenIds: boolean
  /** Attempts after the first where the server is full (429, 503); unset: none. */
  retries?: number
  /** Counts latencies as they come, warm-up apart. */
  live?: LiveCounts | undefined
}

/** Counts since the start, cheap to read at any time. */
export interface ClientTotals {
  sent: number
  ok: number
  failed: number
  tokens: number
  /** Through the sockets, heads and framing included. */
  rxBytes: number
  txBytes: number
  /** Of the request bodies. */
  txBodyBytes: number
  /**
   * Of the answers' bodies as they are read: for a stream the bytes of its SSE lines, without HTTP framing and
   * compression.
   */
  rxBodyBytes: number
}

/** Sends requests to one target and records what can be seen of each, in this thread. */
export class RequestClient {
  private readonly wire: Wire
  private readonly pool: ConnectionPool
  private readonly flights: Deadlines<Flight>
  private readonly context: FlightContext
  private readonly sinks: ClientSinks
  private readonly options: ClientOptions
  private readonly counts = { sent: 0, ok: 0, failed: 0, tokens: 0, txBytes: 0, txBodyBytes: 0, rxBodyBytes: 0 }
  private closed = false

  constructor(target: Target, server: ServerInfo | null, sinks: ClientSinks, clock: RunClock, options: ClientOptions) {
    const stamps = new ReadStamps(clock)
    this.sinks = sinks
    this.options = options
    this.wire = new Wire(target, clock, stamps, () => sinks.chunks.settle())
    this.pool = new ConnectionPool(this.wire, options.maxSockets ?? Number.POSITIVE_INFINITY)
    this.flights = new Deadlines(clock)
    const keepTexts = options.keepTexts
    this.context = {
      target,
      runId: headerRunId(options.runId),
      chunks: sinks.chunks,
      stamps,
      totals: this.counts,
      keepTexts,
      keepTokenIds: options.keepTokenIds,
      live: options.live ?? null,
      shapes: new SharedShapes(),
      pool: this.pool,
      heads: new RequestHeads(target, options.runId),
      bodies: new RequestBodies({
        runningUsage: abilitiesOf(server?.server).countsAsItGoes,
        tokenIds: options.keepTokenIds,
      }),
      retries: options.retries ?? 0,
      redact: redactor(target.apiKey, target.headers),
      now: clock.now,
      ended: (flight) => this.ended(flight),
    }
  }

  /** Requests handed over and not ended. */
  get inFlight(): number {
    return this.flights.size
  }

  get totals(): ClientTotals {
    return { ...this.counts, rxBytes: this.wire.rxBytes }
  }

  /** Opens connections before the first requests; resolves to how many are open. */
  preconnect(count: number): Promise<number> {
    return this.pool.preconnect(count)
  }

  /** Encodes a request before it is due, so that sending it costs little. Its times may still change. */
  encode(plan: RequestPlan): WireRequest {
    return encodeRequest(this.context, plan)
  }

  /** The row of a request that was due and is never sent. */
  refuse(plan: RequestPlan, why: string): RequestOutcome {
    const flight = new Flight(this.context, plan, undefined, null)
    this.counts.sent++
    flight.refuse(why)
    return flight.record
  }

  /**
   * Sends one request. Whatever the server does is in the outcome; it rejects only for a programmer's error. An
   * `offers` row is written now, the `requests` row when it ends. `encoded` is the request as `encode` gave it.
   */
  send(plan: RequestPlan, hooks?: RequestHooks, encoded: WireRequest | null = null): Promise<RequestOutcome> {
    const flight = new Flight(this.context, plan, hooks, encoded)
    this.sinks.offers.append({
      request_id: plan.requestId,
      shard: this.options.shard,
      prompt_id: plan.promptId,
      scheduled_ns: plan.scheduledNs,
      sent_ns: flight.record.handedNs,
      phase: PHASES.indexOf(plan.phase),
      repeat: plan.repeat,
    })
    return new Promise((resolve) => {
      flight.onOutcome = resolve
      this.flights.add(flight)
      this.counts.sent++
      if (this.closed) flight.refuse('the client is closed')
      else flight.start()
    })
  }

  /** Ends all requests in flight, now; those that still wait for a connection were not sent. */
  cancelAll(status: 'cancelled' | 'interrupted'): void {
    // The waiting ones first: a released connection would otherwise go to one of them.
    for (const flight of this.flights.all())
      if (this.pool.leave(flight)) flight.refuse('it was still waiting for a connection')
    for (const flight of this.flights.all()) flight.cancel(status)
  }

  /** Cancels what is in flight and closes all connections. */
  async close(): Promise<void> {
    this.closed = true
    this.cancelAll('cancelled')
    this.pool.close()
  }

  private ended(flight: Flight): void {
    const { record, plan, stream } = flight
    const { sinks, options, counts } = this
    this.flights.delete(flight)
    takeStream(record, stream, options.keepTexts)
    if (record.status === 'ok') counts.ok++
    else counts.failed++
    appendRequestRow(sinks.requests, options.shard, plan, record, stream.serverId)
    if (options.keepTexts && sinks.texts !== null) appendTextRow(sinks.texts, plan, stream, options.keepTokenIds)
    flight.onOutcome?.(record)
  }
}
