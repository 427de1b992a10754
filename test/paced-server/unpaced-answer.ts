import type { Completion } from './completion.ts'
import type { Connection } from './connection.ts'
import { CountedBlock } from './counted-block.ts'
import type { Framing } from './framing.ts'
import { type Step, script } from './script.ts'
import type { RequestTruth, TruthBook } from './truth.ts'
import { PERIOD } from './words.ts'

/** Answers as fast as their clients read: each gets one write per pass of the event loop. */
export class UnpacedRing {
  private active: UnpacedAnswer[] = []
  private turning = false

  add(answer: UnpacedAnswer): void {
    this.active.push(answer)
    if (this.turning) return
    this.turning = true
    setImmediate(() => this.turn())
  }

  private turn(): void {
    const turn = this.active
    this.active = []
    for (const answer of turn) {
      const more = answer.write()
      if (more === 'now') this.active.push(answer)
      else if (more === 'after_drain') answer.connection.socket.once('drain', () => this.add(answer))
    }
    this.turning = this.active.length > 0
    if (this.turning) setImmediate(() => this.turn())
  }
}

/**
 * Texts repeat with a period: one period is framed once, and its bytes are written again and again. Where events carry running
 * usage, all but its figures repeat.
 */
export class UnpacedAnswer {
  readonly connection: Connection
  private readonly steps: Generator<Step>
  private readonly eventsPerWrite: number
  private readonly framing: Framing
  private readonly truth: RequestTruth
  private readonly book: TruthBook
  private readonly done: () => void
  private period: string[] = []
  private block: Buffer | null = null
  private counted: CountedBlock | null = null
  private readonly promptTokens: number | null
  private written = PERIOD
  private repeats: number

  constructor(
    completion: Completion,
    connection: Connection,
    framing: Framing,
    truth: RequestTruth,
    book: TruthBook,
    done: () => void,
  ) {
    this.connection = connection
    this.framing = framing
    this.truth = truth
    this.book = book
    this.done = done
    this.eventsPerWrite = completion.behaviour.events_per_write || 64
    this.repeats = repeatable(completion) ? Math.max(0, Math.floor((completion.tokens - PERIOD - 1) / PERIOD)) : 0
    this.promptTokens = completion.usage === 'continuous' ? completion.promptTokens : null
    this.steps = script(completion, { from: PERIOD, to: PERIOD + this.repeats * PERIOD })
  }

  /** One write. */
  write(): 'now' | 'after_drain' | 'never' {
    if (this.connection.closed) return 'never'
    if (this.repeats > 0 && this.period.length === PERIOD) this.repeat()
    else if (!this.take()) return 'never'
    return this.connection.socket.writableNeedDrain ? 'after_drain' : 'now'
  }

  private repeat(): void {
    this.repeats--
    const block = this.promptTokens === null ? this.same() : this.counting(this.promptTokens)
    this.book.tokens(this.truth, this.connection.now(), PERIOD)
    this.connection.send(block)
  }

  private same(): Buffer {
    this.block ??= Buffer.from(this.framing.frame(this.period))
    return this.block
  }

  private counting(promptTokens: number): string | Buffer {
    this.counted ??= new CountedBlock(this.period, promptTokens, this.framing)
    const block = this.counted.after(this.written)
    this.written += PERIOD
    return block
  }

  private take(): boolean {
    const texts: string[] = []
    let tokens = 0
    while (texts.length < this.eventsPerWrite && !(this.repeats > 0 && this.period.length === PERIOD)) {
      const step = this.steps.next().value as Step | undefined
      if (step === undefined) break
      texts.push(step.text)
      tokens += step.tokens
      if (this.repeats > 0 && step.tokens > 0) this.period.push(step.text)
    }
    this.book.tokens(this.truth, this.connection.now(), tokens)
    if (texts.length > 0) this.connection.send(this.framing.frame(texts))
    if (texts.length > 0) return true
    this.connection.send(this.framing.end())
    this.connection.whenSent(this.done)
    return false
  }
}

/** Whether token events differ only by their word, and their running usage. */
function repeatable(c: Completion): boolean {
  const b = c.behaviour
  const plainText =
    b.tokens_per_event === 1 && b.reasoning_tokens === 0 && b.tool_tokens === 0 && b.huge_event_bytes === 0
  return plainText && !b.gzip && !b.comments && !b.fields && !b.bom
}
