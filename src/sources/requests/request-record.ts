import type { Status, TOKEN_SOURCES } from '../../trace/tables.ts'
import type { TokenStream } from './stream/token-stream.ts'

export type TokenSource = (typeof TOKEN_SOURCES)[number]

/** How a request went. Times are ns since the run's epoch, NaN where there was no such moment. */
export interface RequestOutcome {
  requestId: number
  status: Status
  httpStatus: number | null
  /** What went wrong, in a sentence. */
  error: string | null
  /** What was unusual about an answer that was read all the same, in a sentence. */
  note: string | null
  /** Events whose text is in an unknown shape, or that were skipped. */
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

/** A request in progress: its outcome so far, and what only its row holds. */
export interface RequestRecord extends RequestOutcome {
  endpoint: string
  connectStartNs: number
  connectedNs: number
  localPort: number | null
  /** Attempts after the first, where a server that was full asked to come again. */
  retries: number
}

export function newRecord(requestId: number, handedNs: number): RequestRecord {
  return {
    requestId,
    status: 'not_sent',
    httpStatus: null,
    error: null,
    note: null,
    unreadEvents: 0,
    finishReason: null,
    text: null,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    reasoningTokens: null,
    tokenSource: null,
    handedNs,
    connReused: null,
    sentNs: Number.NaN,
    headersNs: Number.NaN,
    firstTokenNs: Number.NaN,
    lastTokenNs: Number.NaN,
    maxGapNs: Number.NaN,
    endNs: Number.NaN,
    events: 0,
    tokenEvents: 0,
    txBytes: 0,
    rxBytes: 0,
    endpoint: '',
    connectStartNs: Number.NaN,
    connectedNs: Number.NaN,
    localPort: null,
    retries: 0,
  }
}

/** Another attempt: of the one before only its bytes count. */
export function startAgain(record: RequestRecord): void {
  record.sentNs = Number.NaN
  record.headersNs = Number.NaN
  record.httpStatus = null
  record.connectStartNs = Number.NaN
  record.connectedNs = Number.NaN
}

/** What the stream has brought goes into the record. */
export function takeStream(record: RequestRecord, stream: TokenStream, keepTexts: boolean): void {
  const { usage } = stream
  const [outputTokens, tokenSource] = outputTokensOf(stream)
  const inputTokens = credible(usage.inputTokens)
  record.note = noteOf(stream)
  record.unreadEvents = stream.unread + stream.passedOver
  record.finishReason = stream.finishReason
  record.text = keepTexts ? stream.content : null
  record.inputTokens = inputTokens
  record.outputTokens = outputTokens
  record.cachedTokens = credible(usage.cachedTokens, inputTokens)
  record.reasoningTokens = credible(usage.reasoningTokens, outputTokens)
  record.tokenSource = tokenSource
  record.firstTokenNs = stream.firstTokenNs
  record.lastTokenNs = stream.lastTokenNs
  record.maxGapNs = stream.maxGapNs
  record.events = stream.events
  record.tokenEvents = stream.tokenEvents
}

/**
 * No answer has more tokens: a larger number from a server is dropped, and the answer's tokens are counted in another
 * way.
 */
const MOST_TOKENS = 1e9

/** A count from a server; null if it is impossible: more than any answer has, or more than the whole it is part of. */
function credible(count: number | null, whole: number | null = MOST_TOKENS): number | null {
  return count !== null && count <= Math.min(whole ?? MOST_TOKENS, MOST_TOKENS) ? count : null
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

/**
 * The server's usage, unless it is 0 although tokens were seen; else the ids it sent, else one token per token event.
 */
function outputTokensOf(stream: TokenStream): [number | null, TokenSource | null] {
  const said = credible(stream.usage.outputTokens)
  if (said !== null && (said > 0 || stream.tokenEvents === 0)) return [said, 'usage']
  if (stream.idCount !== null) return [stream.idCount, 'ids']
  return stream.tokenEvents > 0 ? [stream.tokenEvents, 'chunks'] : [null, null]
}
