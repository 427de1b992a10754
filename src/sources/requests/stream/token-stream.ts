import type { LogCounts } from '../../../base/log-counts.ts'
import { itlNs, ttftNs } from '../../../trace/base-figures.ts'
import { NULL_OF } from '../../../trace/columns.ts'
import type { RowWriter } from '../../../trace/row-writer.ts'
import type { chunks } from '../../../trace/tables.ts'
import { AnswerError, excerpt, shortened } from './answer-error.ts'
import { type AnswerEvent, type ChoiceIds, KIND, readAnswer, type Usage } from './answer-event.ts'
import { eventErrorWords } from './answer-problem.ts'
import { EventShape, type SharedShapes } from './event-shape.ts'
import type { EventTemplate } from './event-template.ts'
import type { ReadStamps } from './read-stamps.ts'
import { RunningCount } from './running-count.ts'
import { type EventSink, isError, type SseBlock } from './sse-events.ts'

const UNKNOWN = NULL_OF.u32
/** OpenAI's limit of `n`; of more, the note says no larger number. */
const MOST_CHOICES = 128
/** Events of these types are completions; others are skipped if they hold none. */
const COMPLETIONS = /^(message|completion|chunk)?$/i

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
 * text or opens a tool call; a number alone makes no token event (a token whose text is still held back).
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
  /** When finish reason and usage had both come: the answer is complete, whether or not `[DONE]` comes. */
  completeNs = Number.NaN
  /** When the last of its choices finished. */
  finishedNs = Number.NaN
  /** When text that is not read, or a finish reason, came last. */
  private otherProgressNs = Number.NaN
  /** Of an answer in one piece. */
  private wholeHasText = false
  /** It is complete, but neither `[DONE]` nor the end of the body came. */
  notEnded = false
  /** Events with text in a shape that is not known, and the JSON path of the first. */
  unread = 0
  unreadAt: string | null = null
  /** Events that are no completion and no error, and the start of the first. */
  passedOver = 0
  passedOverFirst: string | null = null
  /** When the request's last byte was handed to the socket, as the flight reports it. */
  sentNs = Number.NaN
  /** Tokens by ids; null while no event had ids. */
  idCount: number | null = null
  /** Kept only when asked for. */
  content = ''
  /** Content and tool arguments, in order. */
  output = ''
  reasoning = ''
  tokenIds: number[] = []
  /** Choices of which texts and ids came, and are not kept. */
  readonly choicesLeft = new Set<number>()
  private keptChoice = Number.POSITIVE_INFINITY
  private readonly requestId: number
  private readonly context: StreamContext
  private readonly hooks: RequestHooks | undefined
  private readonly live: LiveCounts | null
  private readonly wantsText: boolean
  private readonly shape: EventShape
  private readonly running = new RunningCount()
  /** The row of the last token event, and the column it was written into. */
  private lastAt = 0
  private lastIn: Uint32Array | null = null
  /** Choices by a bit each. */
  private choices = 0
  private finished = 0
  /** Text came after a finish reason: finish reasons mean nothing here. */
  private finishMeansNothing = false
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
      const counted = this.count(template.completionTokens, hasText, false)
      if (counted !== UNKNOWN) tokens = counted
      // A later count of 0 does not replace a larger one.
      if (template.completionTokens > 0) this.usage.outputTokens = template.completionTokens
      if (template.hasReasoning) this.usage.reasoningTokens = template.reasoningTokens
    } else if (hasText) this.running.uncounted()
    if (hasText && this.finished !== 0) this.spokeAfter(1)
    this.record(hasText ? template.kind : KIND.role, length, tokens, hasText)
    if (hasText && this.wantsText) {
      const raw = bytes.toString('utf8', template.textStart, template.textEnd)
      // Templates are of choice 0.
      this.addText(template.textEscaped ? (JSON.parse(`"${raw}"`) as string) : raw, template.kind, 0)
    }
  }

  event(block: SseBlock): EventTemplate | null {
    if (this.done) return null
    if (isError(block)) throw this.failed(eventErrorWords(block.error ?? block.data))
    const data = block.data.trim()
    if (data === '[DONE]' || data === '"[DONE]"') {
      this.doneNs = this.context.stamps.tNs
      return null
    }
    const answer = this.parse(block, data)
    if (answer === null) return null
    if (answer.error !== null) throw this.failed(answer.error)
    this.serverId ??= answer.id
    this.finishReason = answer.finishReason ?? this.finishReason
    const ids = answer.tokenIds
    let tokens: number = ids === null ? UNKNOWN : this.takeIds(ids)
    const hasText = answer.text !== ''
    const carries = hasText || answer.opensToolCall
    const counted = this.takeUsage(answer, carries)
    if (counted !== UNKNOWN) tokens = counted
    this.record(answer.kind, block.end - block.start, tokens, carries)
    this.takeEnd(answer)
    if (answer.unread !== null) this.takeUnread(answer.unread)
    if (hasText && this.wantsText) for (const { kind, text, choice } of answer.pieces) this.addText(text, kind, choice)
    return hasText && answer.finishReason === null && answer.spoke === 1 ? this.shape.learn(block, answer) : null
  }

  get done(): boolean {
    return !Number.isNaN(this.doneNs)
  }

  /** When the answer was complete according to the server: `[DONE]`, or finish reason and usage. NaN: not yet. */
  get endedNs(): number {
    return this.done ? this.doneNs : this.completeNs
  }

  /** Whether the answer holds a token, be it one whose text is not read. */
  get hasTokens(): boolean {
    const counted = Math.max(this.usage.outputTokens ?? 0, this.idCount ?? 0)
    return this.tokenEvents > 0 || this.wholeHasText || this.unread > 0 || counted > 0
  }

  /** When something of the answer came last: a token, text that is not read, or a finish reason. Comments are none of it. */
  get progressNs(): number {
    return this.otherProgressNs > this.lastTokenNs || Number.isNaN(this.lastTokenNs)
      ? this.otherProgressNs
      : this.lastTokenNs
  }

  /** An event had a choice, if an empty one. */
  get hasChoices(): boolean {
    return this.choices !== 0
  }

  /** An answer that came in one piece: no events, and no times of tokens. */
  takeWhole(answer: AnswerEvent): void {
    this.serverId = answer.id
    this.finishReason = answer.finishReason
    if (answer.usage !== null) this.usage = answer.usage
    if (answer.tokenIds !== null) this.takeIds(answer.tokenIds)
    if (answer.unread !== null) this.takeUnread(answer.unread)
    this.wholeHasText = answer.text !== '' || answer.opensToolCall
    if (this.wantsText) for (const { kind, text, choice } of answer.pieces) this.addText(text, kind, choice)
  }

  private failed(words: string): AnswerError {
    return new AnswerError('http_error', `in the stream, at event ${this.events}: ${shortened(words)}`)
  }

  /** Null for an event that says nothing of the answer: a ping, a comment that a gateway made data of. */
  private parse(block: SseBlock, data: string): AnswerEvent | null {
    let answer: AnswerEvent | null = null
    let value: unknown
    try {
      value = JSON.parse(data)
      answer = readAnswer(value)
    } catch {}
    const named = !COMPLETIONS.test(block.type)
    if (answer !== null && !(named && isNothing(answer))) return answer
    if (!BLANK.test(data) && answer === null && !named && value !== null && !data.startsWith(':')) {
      const start = excerpt(Buffer.from(block.data))
      throw new AnswerError('malformed', `event ${this.events} of the stream: expected a JSON object, got ${start}`)
    }
    // A ping that says so is none to wonder at.
    if (!BLANK.test(data) && !/^(ping|keep-?alive|heartbeat)$/i.test(block.type)) {
      this.passedOver++
      this.passedOverFirst ??= excerpt(Buffer.from(data))
    }
    return null
  }

  private takeUsage(answer: AnswerEvent, carries: boolean): number {
    const { usage } = answer
    let tokens: number = UNKNOWN
    if (usage === null || usage.outputTokens === null) {
      if (carries) this.running.uncounted()
    } else {
      const ends = answer.finishReason !== null || answer.kind === KIND.usage
      tokens = this.count(usage.outputTokens, carries, ends)
    }
    if (usage !== null) {
      const own = this.usage
      own.inputTokens = later(own.inputTokens, usage.inputTokens)
      own.outputTokens = later(own.outputTokens, usage.outputTokens)
      own.cachedTokens = later(own.cachedTokens, usage.cachedTokens)
      own.reasoningTokens = later(own.reasoningTokens, usage.reasoningTokens)
    }
    return tokens
  }

  /** Tokens of this event, by the difference to the running count before it. */
  private count(total: number, carries: boolean, ends: boolean): number {
    const { running } = this
    if (!carries) return running.silent(total, ends)
    const tokens = running.text(total)
    // The event before was given the tokens of this one too, unless a full buffer has left with it.
    if (running.stalled && this.lastIn === this.context.chunks.columns.tokens && this.lastIn[this.lastAt] !== 1)
      this.lastIn[this.lastAt] = UNKNOWN
    return tokens
  }

  private takeEnd(answer: AnswerEvent): void {
    this.choices |= answer.choices
    if (answer.spoke !== 0) this.spokeAfter(answer.spoke)
    this.finished |= answer.finished
    if (this.finished === 0 || this.finished !== this.choices || this.finishMeansNothing) return
    const { tNs } = this.context.stamps
    if (answer.finishReason !== null) {
      this.finishedNs = tNs
      this.otherProgressNs = tNs
    }
    if (answer.usage !== null && answer.usage.outputTokens !== null) this.completeNs = tNs
  }

  /** Text of choices, of which some may have finished before. */
  private spokeAfter(choices: number): void {
    if ((choices & this.finished) === 0) return
    this.finishMeansNothing = true
    this.finishedNs = Number.NaN
    this.completeNs = Number.NaN
  }

  private takeUnread(path: string): void {
    this.unread++
    this.unreadAt ??= path
    this.otherProgressNs = this.context.stamps.tNs
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
    if (!carries) {
      if (tokens !== UNKNOWN) totals.tokens += tokens
      return
    }
    this.lastAt = at
    this.lastIn = columns.tokens
    totals.tokens += tokens === UNKNOWN ? 1 : tokens
    if (this.tokenEvents++ === 0) {
      this.firstTokenNs = stamps.tNs
      this.hooks?.onFirstToken?.(stamps.tNs)
      this.live?.ttft.record(ttftNs(stamps.tNs, this.sentNs))
    } else {
      const gapNs = itlNs(stamps.tNs, this.lastTokenNs)
      if (!(gapNs <= this.maxGapNs)) this.maxGapNs = gapNs
      if (this.live !== null) this.live.itl.record(gapNs)
    }
    this.lastTokenNs = stamps.tNs
  }

  private addIds(count: number, bytes: Buffer, start: number, end: number): void {
    this.idCount = (this.idCount ?? 0) + count
    if (!this.context.keepTokenIds || count === 0 || !this.keeps(0)) return
    for (const id of JSON.parse(bytes.toString('latin1', start, end)) as number[]) this.tokenIds.push(id)
  }

  /** Ids of all choices count; kept are those of one. */
  private takeIds(all: readonly ChoiceIds[]): number {
    let count = 0
    for (const { choice, ids } of all) {
      count += ids.length
      if (this.context.keepTokenIds && this.keeps(choice)) for (const id of ids) this.tokenIds.push(id)
    }
    this.idCount = (this.idCount ?? 0) + count
    return count
  }

  /** Texts and ids of several choices (`n` above 1) are texts of several answers: kept is the first, by its number. */
  private keeps(choice: number): boolean {
    if (choice === this.keptChoice) return true
    if (choice > this.keptChoice) {
      if (this.choicesLeft.size < MOST_CHOICES) this.choicesLeft.add(choice)
      return false
    }
    if (this.keptChoice !== Number.POSITIVE_INFINITY) this.choicesLeft.add(this.keptChoice)
    this.keptChoice = choice
    this.output = ''
    this.content = ''
    this.reasoning = ''
    this.tokenIds.length = 0
    return true
  }

  private addText(delta: string, kind: number, choice: number): void {
    if (choice !== this.keptChoice && !this.keeps(choice)) return
    if (this.context.keepTexts) {
      if (kind === KIND.reasoning) this.reasoning += delta
      else this.output += delta
      if (kind === KIND.content) this.content += delta
    }
    this.hooks?.onText?.(delta, kind)
  }
}

const BLANK = /^[\s\0]*$/

function isNothing(answer: AnswerEvent): boolean {
  return !answer.hasChoices && answer.usage === null && answer.error === null && answer.unread === null
}

/** The later of two counts; one of nothing takes back none that was more. */
function later(before: number | null, now: number | null): number | null {
  return now === null || (now === 0 && before !== null) ? before : now
}
