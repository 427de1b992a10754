import type { RowWriter } from '../../trace/row-writer.ts'
import { PHASES, type requests, STAGES, STATUSES, type Status, TOKEN_SOURCES, type texts } from '../../trace/tables.ts'
import { type Prompt, promptJson } from './request-body.ts'
import type { TokenStream } from './stream/token-stream.ts'

/** One request as the schedule wants it. Times are ns since the run's epoch. */
export interface RequestPlan {
  requestId: number
  promptId: string | null
  sessionId?: string | null
  turn?: number | null
  stage?: (typeof STAGES)[number] | null
  size?: number | null
  requestedUnit?: string | null
  scheduledNs: number
  prompt: Prompt
  /** null: no limit is sent. */
  maxTokens: number | null
  model: string
  /** Goes into the body as it is. One object for many requests is serialised once. */
  sampling: Record<string, unknown>
  /** The sampling seed of this request, where each has its own. */
  seed?: number | null
  phase: (typeof PHASES)[number]
  repeat: number
  /** Extra columns of the prompt row, JSON. */
  attrs: string | null
  intendedInputTokens?: number | null
  intendedCachedTokens?: number | null
  /** How long a ceiling on requests in flight held it back after it was due, ns. */
  heldNs?: number | null
  stream: boolean
}

export type TokenSource = (typeof TOKEN_SOURCES)[number]

/** How a request went. Times are ns since the run's epoch, NaN where there was no such moment. */
export interface RequestOutcome {
  requestId: number
  status: Status
  httpStatus: number | null
  /** What went wrong, in a sentence. */
  error: string | null
  /** What was odd about an answer that was read all the same, in a sentence. */
  note: string | null
  /** Events whose text is in a shape that is not known, or that were passed over. */
  unreadEvents: number
  finishReason: string | null
  /** The generated content, only where texts are kept. */
  text: string | null
  inputTokens: number | null
  outputTokens: number | null
  cachedTokens: number | null
  reasoningTokens: number | null
  tokenSource: TokenSource | null
  handedNs: number
  connReused: boolean | null
  sentNs: number
  headersNs: number
  firstTokenNs: number
  lastTokenNs: number
  maxGapNs: number
  endNs: number
  /** Events and token events of the stream. */
  events: number
  tokenEvents: number
  txBytes: number
  rxBytes: number
}

/** What a flight notes down besides its stream. */
export interface FlightRecord {
  plan: RequestPlan
  stream: TokenStream
  endpoint: string
  handedNs: number
  connectStartNs: number
  connectedNs: number
  connReused: boolean | null
  localPort: number | null
  sentNs: number
  headersNs: number
  endNs: number
  status: Status
  httpStatus: number | null
  error: string | null
  /** Attempts after the first, where a server that was full asked to come again. */
  retries: number
  txBytes: number
  rxBytes: number
}

export function newRecord(plan: RequestPlan, stream: TokenStream, handedNs: number): FlightRecord {
  return {
    plan,
    stream,
    endpoint: '',
    handedNs,
    connectStartNs: Number.NaN,
    connectedNs: Number.NaN,
    connReused: null,
    localPort: null,
    sentNs: Number.NaN,
    headersNs: Number.NaN,
    endNs: Number.NaN,
    status: 'not_sent',
    httpStatus: null,
    error: null,
    retries: 0,
    txBytes: 0,
    rxBytes: 0,
  }
}

/** No answer has more tokens: what a server says beyond is not kept, and the answer's tokens are counted otherwise. */
const MOST_TOKENS = 1e9

/** A count that a server gave; null where it cannot be: more than any answer has, or more than the whole it is a part of. */
function credible(count: number | null, whole: number | null = MOST_TOKENS): number | null {
  return count !== null && count <= Math.min(whole ?? MOST_TOKENS, MOST_TOKENS) ? count : null
}

export function outcomeOf(record: FlightRecord, keepTexts: boolean): RequestOutcome {
  const { stream, plan } = record
  const { usage } = stream
  const [outputTokens, tokenSource] = outputTokensOf(stream)
  const inputTokens = credible(usage.inputTokens)
  return {
    requestId: plan.requestId,
    status: record.status,
    httpStatus: record.httpStatus,
    error: record.error,
    note: noteOf(stream),
    unreadEvents: stream.unread + stream.passedOver,
    finishReason: stream.finishReason,
    text: keepTexts ? stream.content : null,
    inputTokens,
    outputTokens,
    cachedTokens: credible(usage.cachedTokens, inputTokens),
    reasoningTokens: credible(usage.reasoningTokens, outputTokens),
    tokenSource,
    handedNs: record.handedNs,
    connReused: record.connReused,
    sentNs: record.sentNs,
    headersNs: record.headersNs,
    firstTokenNs: stream.firstTokenNs,
    lastTokenNs: stream.lastTokenNs,
    maxGapNs: stream.maxGapNs,
    endNs: record.endNs,
    events: stream.events,
    tokenEvents: stream.tokenEvents,
    txBytes: record.txBytes,
    rxBytes: record.rxBytes,
  }
}

/** In the order of how much they cost a reader of the run. */
function noteOf(stream: TokenStream): string | null {
  const notes: string[] = []
  const events = (count: number) => (count === 1 ? '1 event' : `${count} events`)
  if (stream.unread > 0) {
    const what = stream.events === 0 ? 'the answer has' : `${events(stream.unread)} with`
    notes.push(`${what} text in a shape that is not known, at ${stream.unreadAt}: its tokens have no times`)
  }
  if (stream.passedOver > 0)
    notes.push(`${events(stream.passedOver)} passed over, no completion: ${stream.passedOverFirst}`)
  const others = stream.choicesLeft.size
  if (others > 0) notes.push(`texts of ${others} more choice${others === 1 ? '' : 's'} are not kept`)
  if (stream.notEnded) notes.push('complete, but neither [DONE] nor the end of the body came')
  return notes.length === 0 ? null : notes.join('; ')
}

/** The server's usage, unless it counts nothing where tokens were seen; else the ids it sent, else one a token event. */
function outputTokensOf(stream: TokenStream): [number | null, TokenSource | null] {
  const said = credible(stream.usage.outputTokens)
  if (said !== null && (said > 0 || stream.tokenEvents === 0)) return [said, 'usage']
  if (stream.idCount !== null) return [stream.idCount, 'ids']
  return stream.tokenEvents > 0 ? [stream.tokenEvents, 'chunks'] : [null, null]
}

export function appendRequestRow(
  writer: RowWriter<typeof requests>,
  shard: number,
  record: FlightRecord,
  outcome: RequestOutcome,
): void {
  const { plan, stream } = record
  writer.append({
    request_id: plan.requestId,
    server_request_id: stream.serverId,
    shard,
    source_run: null,
    prompt_id: plan.promptId,
    session_id: plan.sessionId,
    turn: plan.turn,
    stage: plan.stage == null ? null : STAGES.indexOf(plan.stage),
    size: plan.size,
    requested_unit: plan.requestedUnit,
    scheduled_ns: plan.scheduledNs,
    connect_start_ns: record.connectStartNs,
    connected_ns: record.connectedNs,
    conn_reused: record.connReused === null ? null : record.connReused,
    sent_ns: record.sentNs,
    headers_ns: record.headersNs,
    first_token_ns: stream.firstTokenNs,
    last_token_ns: stream.lastTokenNs,
    end_ns: record.endNs,
    max_gap_ns: stream.maxGapNs,
    status: STATUSES.indexOf(record.status),
    http_status: record.httpStatus,
    error: record.error,
    finish_reason: stream.finishReason,
    input_tokens: outcome.inputTokens,
    output_tokens: outcome.outputTokens,
    cached_tokens: outcome.cachedTokens,
    reasoning_tokens: outcome.reasoningTokens,
    requested_tokens: plan.maxTokens,
    intended_input_tokens: plan.intendedInputTokens,
    intended_cached_tokens: plan.intendedCachedTokens,
    phase: PHASES.indexOf(plan.phase),
    repeat: plan.repeat,
    attrs: plan.attrs,
    token_source: outcome.tokenSource === null ? null : TOKEN_SOURCES.indexOf(outcome.tokenSource),
    tx_bytes: record.txBytes,
    rx_bytes: record.rxBytes,
    model: plan.model,
    endpoint: record.endpoint,
    profiled: false,
    held_ns: plan.heldNs,
    retries: record.retries,
    local_port: record.localPort,
    unread_events: outcome.unreadEvents === 0 ? null : outcome.unreadEvents,
    note: outcome.note,
  })
}

export function appendTextRow(writer: RowWriter<typeof texts>, record: FlightRecord, keepTokenIds: boolean): void {
  const { plan, stream } = record
  writer.append({
    request_id: plan.requestId,
    prompt: typeof plan.prompt === 'string' ? plan.prompt : promptJson(plan.prompt),
    output: stream.output,
    reasoning: stream.reasoning === '' ? null : stream.reasoning,
    token_ids: keepTokenIds && stream.idCount !== null ? JSON.stringify(stream.tokenIds) : null,
  })
}
