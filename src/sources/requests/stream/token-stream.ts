import type { LogCounts } from '../../../base/log-counts.ts'
import { NULL_OF } from '../../../trace/columns.ts'
import type { RowWriter } from '../../../trace/row-writer.ts'
import type { chunks } from '../../../trace/tables.ts'
import { AnswerError, excerpt } from './answer-error.ts'
import { type AnswerEvent, KIND, readAnswer, type Usage } from './answer-event.ts'
import { EventShape, type SharedShapes } from './event-shape.ts'
import type { EventTemplate } from './event-template.ts'
import type { ReadStamps } from './read-stamps.ts'
import type { EventSink, SseBlock } from './sse-events.ts'

const UNKNOWN = NULL_OF.u32
/** Far past what one event was ever seen to hold; a difference beyond it is a server's error. */
const MOST_TOKENS_OF_EVENT = 65_536

export interface RequestHooks {
  /** With the time of the first token, ns since the run's epoch; inside the read, so be quick. */
  onFirstToken?(tNs: number): void
  /** Each piece of text as it comes; `kind` is a code of CHUNK_KINDS. */
  onText?(delta: string, kind: number): void
}

/** Latencies counted as they come, ns: sent to first token, and every gap between two events that carry tokens. */
export interface LiveCounts {
  readonly ttft: LogCounts
  readonly itl: LogCounts
}

export interface StreamContext {
  readonly chunks: RowWriter<typeof chunks>
  readonly stamps: ReadStamps
  readonly totals: { tokens: number }
  readonly keepTexts: boolean
  readonly keepTokenIds: boolean
  readonly shapes: SharedShapes
}

/**
 * The events of one streamed answer: their chunk rows, and what they add up to. An event carries a token if it has
 * text or opens a tool call, or if the server's own count says so (a token whose bytes are still held back).
 */
export class TokenStream implements EventSink {
  events = 0
  tokenEvents = 0
  firstTokenNs = Number.NaN
  lastTokenNs = Number.NaN
  maxGapNs = Number.NaN
  usage: Usage = { inputTokens: null, outputTokens: null, cachedTokens: null, reasoningTokens: null }
  finishReason: string | null = null
  serverId: string | null = null
  /** When `[DONE]` came. */
  doneNs = Number.NaN
  /** When the request's last byte was handed to the socket, told by the flight. */
  sentNs = Number.NaN
  /** Tokens by ids; null while no event had ids. */
  idCount: number | null = null
  /** Kept only when asked for. */
  content = ''
  /** Everything generated, in order: reasoning and tool arguments too. */
  output = ''
  tokenIds: number[] = []
  private readonly requestId: number
  private readonly context: StreamContext
  private readonly hooks: RequestHooks | undefined
  private readonly live: LiveCounts | null
  private readonly wantsText: boolean
  private readonly shape: EventShape
  /** The last running count; -1 once a token came without one. */
  private running = 0
  private runningSeen = false
  private readSerial = -1
  private firstOfRead = 0
  private coalescedOfRead: Uint8Array | null = null

  constructor(
    requestId: number,
    context: StreamContext,
    hooks: RequestHooks | undefined,
    live: LiveCounts | null = null,
  ) {
    this.requestId = requestId
    this.context = context
    this.hooks = hooks
    this.live = live
    this.wantsText = context.keepTexts || hooks?.onText !== undefined
    this.shape = new EventShape(context.shapes)
  }

  matched(template: EventTemplate, bytes: Buffer, length: number): void {
    if (this.done) return
    let tokens: number = UNKNOWN
    if (template.hasIds) {
      tokens = template.ids
      this.addIds(template.ids, bytes, template.idsStart, template.idsEnd)
    }
    const hasText = template.textEnd > template.textStart
    if (template.hasUsage) {
      const counted = this.count(template.completionTokens, hasText)
      if (counted !== UNKNOWN) tokens = counted
      this.usage.outputTokens = template.completionTokens
      if (template.hasReasoning) this.usage.reasoningTokens = template.reasoningTokens
    } else if (hasText) this.running = -1
    const carries = hasText || (tokens !== UNKNOWN && tokens > 0)
    this.record(carries ? template.kind : KIND.role, length, tokens, carries)
    if (hasText && this.wantsText) {
      const raw = bytes.toString('utf8', template.textStart, template.textEnd)
      this.addText(template.textEscaped ? (JSON.parse(`"${raw}"`) as string) : raw, template.kind)
    }
  }

  event(block: SseBlock): EventTemplate | null {
    if (this.done) return null
    if (block.data.trim() === '[DONE]') {
      this.doneNs = this.context.stamps.tNs
      return null
    }
    const answer = this.parse(block)
    if (answer.error !== null)
      throw new AnswerError('http_error', `in the stream, at event ${this.events}: ${answer.error}`)
    this.serverId ??= answer.id
    this.finishReason = answer.finishReason ?? this.finishReason
    const hasText = answer.text !== ''
    const ids = answer.tokenIds
    let tokens: number = ids === null ? UNKNOWN : ids.length
    if (ids !== null) {
      this.idCount = (this.idCount ?? 0) + ids.length
      if (this.context.keepTokenIds) for (const id of ids) this.tokenIds.push(id)
    }
    const generated = hasText || answer.opensToolCall
    const counted = this.takeUsage(answer, generated)
    if (counted !== UNKNOWN) tokens = counted
    const carries = answer.hasChoices && answer.kind !== KIND.usage && (generated || (tokens !== UNKNOWN && tokens > 0))
    const kind = carries && answer.kind === KIND.role ? KIND.content : answer.kind
    this.record(kind, block.end - block.start, tokens, carries)
    if (hasText && this.wantsText) this.addText(answer.text, kind)
    return hasText && answer.finishReason === null ? this.shape.learn(block, answer) : null
  }

  get done(): boolean {
    return !Number.isNaN(this.doneNs)
  }

  /** An answer that came in one piece: no events, and no times of tokens. */
  takeWhole(answer: AnswerEvent): void {
    this.serverId = answer.id
    this.finishReason = answer.finishReason
    if (answer.usage !== null) this.usage = answer.usage
    if (answer.tokenIds !== null) {
      this.idCount = answer.tokenIds.length
      if (this.context.keepTokenIds) this.tokenIds = answer.tokenIds
    }
    if (answer.text !== '' && this.wantsText) this.addText(answer.text, answer.kind)
  }

  private parse(block: SseBlock): AnswerEvent {
    let answer: AnswerEvent | null = null
    try {
      answer = readAnswer(JSON.parse(block.data))
    } catch {}
    if (answer === null) {
      const data = excerpt(Buffer.from(block.data))
      throw new AnswerError('malformed', `event ${this.events} of the stream: expected a JSON object, got ${data}`)
    }
    return answer
  }

  private takeUsage(answer: AnswerEvent, generated: boolean): number {
    const { usage } = answer
    let tokens: number = UNKNOWN
    if (usage !== null) {
      if (usage.outputTokens !== null) {
        // Without a running count so far, the count that ends the stream is no count of this event.
        if (answer.kind !== KIND.usage || this.runningSeen) tokens = this.count(usage.outputTokens, generated)
        this.usage.outputTokens = usage.outputTokens
      }
      this.usage.inputTokens = usage.inputTokens ?? this.usage.inputTokens
      this.usage.cachedTokens = usage.cachedTokens ?? this.usage.cachedTokens
      this.usage.reasoningTokens = usage.reasoningTokens ?? this.usage.reasoningTokens
    } else if (generated) this.running = -1
    return tokens
  }

  /** Tokens of this event, by the difference to the running count before it. */
  private count(completionTokens: number, generated: boolean): number {
    if (this.running < 0) return UNKNOWN
    const delta = completionTokens - this.running
    this.running = completionTokens
    if (generated) this.runningSeen = true
    return delta < 0 || delta > MOST_TOKENS_OF_EVENT ? UNKNOWN : delta
  }

  private record(kind: number, bytes: number, tokens: number, carries: boolean): void {
    const { chunks, stamps, totals } = this.context
    const at = chunks.next()
    const columns = chunks.columns
    const coalesced = this.readSerial === stamps.serial
    if (coalesced) {
      // The first one is marked too, unless a full buffer has left with it.
      if (this.coalescedOfRead === columns.coalesced) columns.coalesced[this.firstOfRead] = 1
    } else {
      this.readSerial = stamps.serial
      this.firstOfRead = at
      this.coalescedOfRead = columns.coalesced
    }
    columns.request_id[at] = this.requestId
    columns.index[at] = this.events++
    columns.t_ns[at] = stamps.tNs
    columns.late_ns[at] = stamps.lateNs
    columns.tokens[at] = tokens
    columns.bytes[at] = bytes
    columns.kind[at] = kind
    columns.coalesced[at] = coalesced ? 1 : 0
    if (!carries) return
    totals.tokens += tokens === UNKNOWN ? 1 : tokens
    if (this.tokenEvents++ === 0) {
      this.firstTokenNs = stamps.tNs
      this.hooks?.onFirstToken?.(stamps.tNs)
      this.live?.ttft.record(stamps.tNs - this.sentNs)
    } else {
      const gapNs = stamps.tNs - this.lastTokenNs
      if (!(gapNs <= this.maxGapNs)) this.maxGapNs = gapNs
      if (this.live !== null) this.live.itl.record(gapNs)
    }
    this.lastTokenNs = stamps.tNs
  }

  private addIds(count: number, bytes: Buffer, start: number, end: number): void {
    this.idCount = (this.idCount ?? 0) + count
    if (!this.context.keepTokenIds || count === 0) return
    for (const id of JSON.parse(bytes.toString('latin1', start, end)) as number[]) this.tokenIds.push(id)
  }

  private addText(delta: string, kind: number): void {
    if (this.context.keepTexts) {
      this.output += delta
      if (kind === KIND.content) this.content += delta
    }
    this.hooks?.onText?.(delta, kind)
  }
}
