import type { Harm, Injector } from './injector.ts'

interface Asked {
  readonly prompt: string
  readonly tokens: number
}

/** Requests of somebody else to the same engine, cut off where the injection ends. */
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
  pauseMs: 500,
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
  pauseMs: 2000,
  tailMs: 0,
  prepare: ({ url, model }) =>
    others(url, model, () => Array.from({ length: 6 }, () => ({ prompt: words(30), tokens: 600 }))),
}
