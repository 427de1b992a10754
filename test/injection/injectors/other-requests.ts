import { setTimeout as sleep } from 'node:timers/promises'
import type { Harm, Injector } from './injector.ts'

const HOLD_LIMIT_MS = 10_000

interface Asked {
  readonly prompt: string
  readonly tokens: number
}

/** Requests of another client to the same engine, cut off when the injection ends. */
async function others(url: string, model: string, asks: () => readonly Asked[]): Promise<Injector> {
  let cut: AbortController | null = null
  let ended: Promise<unknown> = Promise.resolve()
  const ask = async ({ prompt, tokens }: Asked, signal: AbortSignal) => {
    const body = JSON.stringify({ model, prompt, max_tokens: tokens, ignore_eos: true, temperature: 0, stream: true })
    const response = await fetch(`${url}/completions`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body, signal },
    })
    if (!response.ok) throw new Error(`the engine answered ${response.status}: ${await response.text()}`)
    await response.text()
  }
  const end = async () => {
    await ended
    cut = null
  }
  return {
    url,
    begin() {
      const control = new AbortController()
      cut = control
      ended = Promise.all(asks().map((each) => ask(each, control.signal)))
      // Looked at in `end`.
      ended.catch(() => undefined)
    },
    end,
    async close() {
      cut?.abort()
      await ended.catch(() => undefined)
    },
  }
}

let asked = 0
/** Never the same beginning: a prefix cache would have it. */
const words = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    i === 0 ? `${++asked} number` : `${(asked * 7919 + i * 104729) % 1000}`,
  ).join(' ')

/** Room for 24 blocks of 128 tokens: a little more than one request may ask for. */
const SMALL_CACHE = {
  model: 'tiny',
  contextTokens: 2048,
  extraArguments: ['--num-gpu-blocks-override', '24', '--no-enable-prefix-caching'],
}

/** A prompt of more than a thousand tokens, decoded beside. */
export const longPrefill: Harm = {
  name: 'long prefill beside',
  cause: 'prefill',
  engine: 'vllm',
  engineOptions: SMALL_CACHE,
  leastMs: 0,
  pauseMs: 80,
  tailMs: 0,
  prepare: ({ url, model }) => others(url, model, () => [{ prompt: words(600), tokens: 1 }]),
}

/** Many answers at once, more than the KV cache has room for. */
export const fullCache: Harm = {
  name: 'KV cache exhausted',
  cause: 'preempted',
  engine: 'vllm',
  engineOptions: SMALL_CACHE,
  leastMs: 0,
  pauseMs: 500,
  tailMs: 0,
  async prepare({ url, model }) {
    const requests = await others(url, model, () =>
      Array.from({ length: 6 }, () => ({ prompt: words(4), tokens: 500 })),
    )
    return {
      ...requests,
      // The requests alone are not yet the fault: that starts when a request waits for room, and ends when none does
      // any more.
      async begin() {
        await requests.end()
        await requests.begin()
        await until(async () => (await waiting(url)) > 0)
      },
      end: () => until(async () => (await waiting(url)) === 0),
    }
  },
}

/** Requests that wait for room, by the server's own count. */
async function waiting(url: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', url))).text()
  return Number(/^vllm:num_requests_waiting\{.*\} (\S+)$/m.exec(text)?.[1] ?? 0)
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + HOLD_LIMIT_MS
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`not so within ${HOLD_LIMIT_MS} ms`)
    await sleep(5)
  }
}
