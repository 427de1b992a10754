import { describe, expect, it } from 'vitest'
import { ApiError } from './http/api-error.ts'
import { Metrics } from './http/metrics.ts'
import type { LlamaSequence } from './llama-library.ts'
import { type Job, Scheduler } from './scheduler.ts'

const SAMPLING = { temperature: 0, topP: null, topK: null, minP: null, seed: 1 }

/**
 * A sequence that keeps its tokens as the engine does and counts 1000, 1001, …; one pass of the event loop per batch.
 */
class CountingSequence implements LlamaSequence {
  tokens: number[] = []
  readonly evaluated: number[] = []
  failAt = Number.POSITIVE_INFINITY

  get nextTokenIndex() {
    return this.tokens.length
  }

  compareContextTokens(tokens: number[]) {
    const at = this.tokens.findIndex((token, index) => token !== tokens[index])
    return { firstDifferentIndex: at === -1 ? this.tokens.length : at }
  }

  async eraseContextTokenRanges([range]: Array<{ start: number; end: number }>) {
    this.tokens.length = range!.start
  }

  async clearHistory() {
    this.tokens = []
  }

  async evaluateWithoutGeneratingNewTokens(tokens: number[]) {
    await this.#decode(tokens)
  }

  async *evaluate(tokens: number[]) {
    for (let next = tokens, token = 1000; ; token++) {
      await this.#decode(next)
      if (token - 1000 >= this.failAt) throw new Error('decoding failed')
      yield token
      next = [token]
    }
  }

  async #decode(tokens: number[]) {
    await new Promise(setImmediate)
    this.tokens.push(...tokens)
    this.evaluated.push(tokens.length)
  }
}

function engine(count: number, queue = 100) {
  const sequences = Array.from({ length: count }, () => new CountingSequence())
  const metrics = new Metrics('m')
  return {
    sequences,
    metrics,
    scheduler: new Scheduler(sequences, metrics, { queue, batchTokens: 512, contextTokens: 4096 }),
  }
}

/** Submits a request for `length` tokens; `done` resolves with what came. */
function submit(scheduler: Scheduler, promptTokens: number[], length: number, onToken?: (count: number) => void) {
  const got = { tokens: [] as number[], cached: -1, error: undefined as unknown }
  let cancel = () => {}
  const done = new Promise<typeof got>((resolve) => {
    const job: Job = {
      promptTokens,
      sampling: SAMPLING,
      onStart: (cached) => {
        got.cached = cached
      },
      onToken: (token) => {
        got.tokens.push(token)
        onToken?.(got.tokens.length)
        if (got.tokens.length < length) return undefined
        resolve(got)
        return 'length'
      },
      onError: (error) => {
        got.error = error
        resolve(got)
      },
    }
    cancel = scheduler.submit(job)
  })
  return { got, done, cancel: () => cancel() }
}

const idle = async (scheduler: Scheduler) => {
  while (scheduler.now.running + scheduler.now.waiting > 0) await new Promise(setImmediate)
}

describe('Scheduler', () => {
  it('decodes a prompt, counts where tokens are sampled, and stops when told', async () => {
    const { scheduler, metrics, sequences } = engine(1)
    const { tokens, cached } = await submit(scheduler, [1, 2, 3], 4).done
    await idle(scheduler)
    expect(tokens).toEqual([1000, 1001, 1002, 1003])
    expect(cached).toBe(0)
    expect(sequences[0]!.evaluated).toEqual([3, 1, 1, 1])
    expect(metrics).toMatchObject({
      promptTokens: 3,
      generationTokens: 4,
      cachedTokens: 0,
      prefixQueries: 3,
      prefixHits: 0,
    })
    expect(metrics.finished.length).toBe(1)
  })

  it('prefers the sequence that begins alike and decodes only the rest, always the last token', async () => {
    const { scheduler, metrics, sequences } = engine(2)
    await Promise.all([submit(scheduler, [1, 2, 3], 1).done, submit(scheduler, [7, 8, 9, 9], 1).done])
    await idle(scheduler)
    const again = await submit(scheduler, [7, 8, 5], 1).done
    expect(again.cached).toBe(2)
    await idle(scheduler)
    const same = await submit(scheduler, [1, 2, 3], 1).done
    expect(same.cached).toBe(2)
    await idle(scheduler)
    expect(sequences.map((sequence) => sequence.tokens)).toEqual([
      [1, 2, 3],
      [7, 8, 5],
    ])
    expect(metrics).toMatchObject({ promptTokens: 13, cachedTokens: 4, prefixQueries: 13, prefixHits: 4 })
  })

  it('runs as many at once as there are sequences, the rest in order', async () => {
    const { scheduler } = engine(2)
    const finished: number[] = []
    const all = [1, 2, 3, 4].map((id) => submit(scheduler, [id], 3, (count) => count === 3 && finished.push(id)))
    while (scheduler.now.running === 0) await new Promise(setImmediate)
    expect(scheduler.now).toMatchObject({ running: 2, waiting: 2 })
    await Promise.all(all.map(({ done }) => done))
    expect(finished).toEqual([1, 2, 3, 4])
  })

  it('decodes a long prompt in pieces while others get a token in every step', async () => {
    const { scheduler, sequences } = engine(2)
    const short = submit(scheduler, [1], 30)
    while (short.got.tokens.length < 3) await new Promise(setImmediate)
    const long = submit(
      scheduler,
      Array.from({ length: 1000 }, (_, i) => i),
      1,
    )
    await Promise.all([short.done, long.done])
    expect(Math.max(...sequences[1]!.evaluated)).toBeLessThanOrEqual(128)
    expect(sequences[1]!.evaluated.reduce((a, b) => a + b)).toBe(1000)
    expect(short.got.tokens).toHaveLength(30)
  })

  it('forgets a cancelled request, waiting or running', async () => {
    const { scheduler, metrics } = engine(1)
    const running = submit(scheduler, [1], 1000)
    const waiting = submit(scheduler, [2], 1)
    while (running.got.tokens.length < 2) await new Promise(setImmediate)
    waiting.cancel()
    running.cancel()
    const before = running.got.tokens.length
    await idle(scheduler)
    expect(running.got.tokens).toHaveLength(before)
    expect(waiting.got.tokens).toEqual([])
    expect(metrics.finished.abort).toBe(2)
    expect(await submit(scheduler, [3], 1).done).toMatchObject({ tokens: [1000] })
  })

  it('refuses with 503 when the queue is full', async () => {
    const { scheduler } = engine(1, 1)
    const first = submit(scheduler, [1], 2)
    const second = submit(scheduler, [1], 2)
    await expect(submit(scheduler, [1], 2).done).rejects.toThrow(ApiError)
    await Promise.all([first.done, second.done])
  })

  it('tells one request of a failed decode and goes on with clean state', async () => {
    const { scheduler, metrics, sequences } = engine(1)
    sequences[0]!.failAt = 2
    const failed = await submit(scheduler, [1, 2], 5).done
    expect(failed.tokens).toHaveLength(2)
    expect(failed.error).toMatchObject({ message: 'decoding failed' })
    sequences[0]!.failAt = Number.POSITIVE_INFINITY
    expect(await submit(scheduler, [1, 2], 1).done).toMatchObject({ cached: 0, tokens: [1000] })
    expect(metrics.finished.error).toBe(1)
  })
})
