import { ApiError } from './http/api-error.ts'
import type { FinishReason, Metrics } from './http/metrics.ts'
import type { LlamaSequence, SamplingOptions } from './llama-library.ts'

/** One request as the scheduler sees it. */
export interface Job {
  promptTokens: number[]
  sampling: SamplingOptions
  /** Called before the first token; how much of the prompt a sequence had already. */
  onStart(cachedTokens: number): void
  /** Called for every sampled token; a reason ends the request. */
  onToken(token: number): FinishReason | undefined
  onError(error: unknown): void
}

interface Running {
  job: Job
  slot: Slot
  /** Prompt tokens not yet decoded. */
  left: number[]
  cachedTokens: number
  tokens: AsyncGenerator<number, void, void> | undefined
  aborted: boolean
}

interface Slot {
  sequence: LlamaSequence
  busy: boolean
  /** The step in which it was last assigned; the one idle for longest is overwritten first. */
  usedAt: number
}

/** A prompt gets at least this many tokens of a step, however many requests decode beside it. */
const LEAST_PREFILL = 16
/** While others decode, a prompt may not delay them by more than these tokens take. */
const SHARED_PREFILL = 128

/**
 * Decodes all requests in steps, each one batch of the engine: every running request gets one token, or a piece of
 * its prompt decoded. Requests past the sequences wait in order; a sequence that begins with the same tokens is
 * preferred and its tokens are not decoded again.
 */
export class Scheduler {
  readonly #slots: Slot[]
  readonly #waiting: Job[] = []
  readonly #running = new Set<Running>()
  readonly #metrics: Metrics
  readonly #limits: { queue: number; batchTokens: number; contextTokens: number }
  #step = 1
  #stepping = false

  constructor(
    sequences: LlamaSequence[],
    metrics: Metrics,
    limits: { queue: number; batchTokens: number; contextTokens: number },
  ) {
    this.#slots = sequences.map((sequence) => ({ sequence, busy: false, usedAt: 0 }))
    this.#metrics = metrics
    this.#limits = limits
  }

  /** What /metrics shows of the present. */
  get now() {
    let used = 0
    for (const { slot } of this.#running) used += slot.sequence.nextTokenIndex
    return {
      running: this.#running.size,
      waiting: this.#waiting.length,
      cacheUsage: used / (this.#slots.length * this.#limits.contextTokens),
    }
  }

  /** Takes a request; throws 503 when too many wait. The result cancels it: no callback follows. */
  submit(job: Job): () => void {
    if (this.#running.size + this.#waiting.length >= this.#slots.length + this.#limits.queue) {
      throw new ApiError(503, `Too many requests: ${this.#waiting.length} wait already.`, { code: 'queue_full' })
    }
    this.#waiting.push(job)
    if (!this.#stepping) {
      this.#stepping = true
      // Requests that arrive in the same pass of the event loop start in the same batch.
      setImmediate(() => void this.#steps())
    }
    return () => this.#cancel(job)
  }

  #cancel(job: Job): void {
    const at = this.#waiting.indexOf(job)
    if (at !== -1) {
      this.#waiting.splice(at, 1)
      this.#metrics.finished.abort++
    }
    for (const running of this.#running) if (running.job === job) running.aborted = true
  }

  async #steps(): Promise<void> {
    for (;;) {
      await this.#admit()
      if (this.#running.size === 0) break
      const prefillTokens = this.#prefillTokens()
      // All tokens of a step are requested together, so that the engine decodes them as one batch.
      await Promise.all([...this.#running].map((running) => this.#advance(running, prefillTokens)))
      this.#step++
    }
    this.#stepping = false
  }

  async #admit(): Promise<void> {
    while (this.#waiting.length > 0 && this.#running.size < this.#slots.length) {
      const job = this.#waiting.shift() as Job
      const { slot, common } = this.#bestSlot(job.promptTokens)
      slot.busy = true
      slot.usedAt = this.#step
      const running: Running = { job, slot, left: [], cachedTokens: 0, tokens: undefined, aborted: false }
      this.#running.add(running)
      try {
        const { sequence } = slot
        if (common < sequence.nextTokenIndex) {
          await sequence.eraseContextTokenRanges([{ start: common, end: sequence.nextTokenIndex }])
        }
        running.cachedTokens = sequence.nextTokenIndex
        running.left = job.promptTokens.slice(running.cachedTokens)
        this.#metrics.prefixQueries += job.promptTokens.length
        this.#metrics.prefixHits += running.cachedTokens
        if (!running.aborted) job.onStart(running.cachedTokens)
      } catch (error) {
        await this.#fail(running, error)
      }
    }
  }

  /** The free sequence with the longest common beginning; the prompt's last token is always decoded. */
  #bestSlot(promptTokens: number[]): { slot: Slot; common: number } {
    const free = this.#slots
      .filter((slot) => !slot.busy)
      .map((slot) => {
        const { firstDifferentIndex } = slot.sequence.compareContextTokens(promptTokens)
        return { slot, common: Math.min(firstDifferentIndex, promptTokens.length - 1) }
      })
    free.sort((a, b) => b.common - a.common || a.slot.usedAt - b.slot.usedAt)
    return free[0]!
  }

  /** How many tokens of its prompt each request may decode in this step. */
  #prefillTokens(): number {
    let prefilling = 0
    for (const { tokens } of this.#running) if (tokens === undefined) prefilling++
    const decoding = this.#running.size - prefilling
    const room = decoding === 0 ? this.#limits.batchTokens : SHARED_PREFILL
    return Math.max(LEAST_PREFILL, Math.floor(room / Math.max(1, prefilling)))
  }

  async #advance(running: Running, prefillTokens: number): Promise<void> {
    const { job, slot } = running
    try {
      if (running.aborted) return await this.#finish(running, 'abort')
      if (running.tokens === undefined) {
        if (running.left.length > prefillTokens) {
          return await slot.sequence.evaluateWithoutGeneratingNewTokens(running.left.splice(0, prefillTokens))
        }
        running.tokens = slot.sequence.evaluate(running.left, { ...job.sampling, yieldEogToken: true })
      }
      const { value: token } = await running.tokens.next()
      if (token === undefined) throw new Error('the engine ended a sequence without a token')
      this.#count(running)
      const reason = running.aborted ? 'abort' : job.onToken(token)
      if (reason !== undefined) await this.#finish(running, reason)
    } catch (error) {
      await this.#fail(running, error)
    }
  }

  #count(running: Running): void {
    this.#metrics.generationTokens++
    if (running.left.length === 0) return
    running.left = []
    this.#metrics.promptTokens += running.slot.sequence.nextTokenIndex
    this.#metrics.cachedTokens += running.cachedTokens
  }

  async #finish(running: Running, reason: FinishReason | 'abort'): Promise<void> {
    this.#metrics.finished[reason]++
    this.#release(running)
    await running.tokens?.return()
  }

  async #fail(running: Running, error: unknown): Promise<void> {
    this.#metrics.finished.error++
    if (!running.aborted) running.job.onError(error)
    // The state of a failed sequence is unknown.
    await running.tokens?.return().catch(() => {})
    await running.slot.sequence.clearHistory().catch(() => {})
    this.#release(running)
  }

  #release(running: Running): void {
    running.slot.busy = false
    this.#running.delete(running)
  }
}
