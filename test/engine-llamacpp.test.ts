import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtFile } from '../src/base/package-files.ts'
import { isSameProcessAlive, processStart } from '../src/base/process-identity.ts'
import type { Engine } from '../src/engines/care/engine.ts'
import { stopEngine } from '../src/engines/care/process/running-engines.ts'
import { listEngines } from '../src/engines/engines.ts'
import { startLlamacpp } from '../src/engines/llamacpp/control.ts'
import { needsSmallEngine } from './support/small-engine.ts'

const MINUTES = 60_000

const small = needsSmallEngine()
let engine: Engine
beforeAll(async () => {
  if (small.there()) engine = await startLlamacpp({ sequences: 2, contextTokens: 512 })
}, 10 * MINUTES)
afterAll(() => engine?.stop())

interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: { cached_tokens: number }
}

interface Choice {
  text?: string
  message?: { content: string }
  delta?: { role?: string; content: string }
  finish_reason: string | null
  token_ids?: number[]
  prompt_token_ids?: number[]
}

interface Body {
  id: string
  choices: Choice[]
  usage: Usage
  prompt_token_ids?: number[]
  error?: { message: string; type: string; param: string | null; code: string | null }
}

function post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return fetch(new URL(path, engine.url), { method: 'POST', body: text, ...init })
}

async function json(path: string, body: unknown): Promise<Body> {
  return (await (await post(path, body)).json()) as Body
}

/** The events of a streamed answer; checks that it ends with [DONE]. */
async function stream(path: string, body: object, init: RequestInit = {}): Promise<Body[]> {
  const response = await post(path, { ...body, stream: true }, init)
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  const events = (await response.text()).split('\n\n').filter((event) => event !== '')
  expect(events.pop()).toBe('data: [DONE]')
  return events.map((event) => JSON.parse(event.slice('data: '.length)) as Body)
}

async function metrics(): Promise<Record<string, number>> {
  const text = await (await fetch(new URL('/metrics', engine.url))).text()
  const lines = [...text.matchAll(/^vllm:(\w+)\{[^}]*?(?:finished_reason="(\w+)")?\} ([\d.e+-]+)$/gm)]
  return Object.fromEntries(
    lines.map(([, name, reason, value]) => [reason ? `${name}:${reason}` : name, Number(value)]),
  )
}

const say = (content: string) => [{ role: 'user', content }]
const textOf = (events: Body[]) =>
  events.map(({ choices }) => choices[0]?.text ?? choices[0]?.delta?.content ?? '').join('')

describe('the API', () => {
  it('lists the model and is healthy', async () => {
    expect((await fetch(new URL('/health', engine.url))).status).toBe(200)
    const { data } = (await (await fetch(`${engine.url}/models`)).json()) as { data: object[] }
    expect(data).toEqual([
      {
        id: 'SmolLM2-135M-Instruct',
        object: 'model',
        created: expect.any(Number),
        owned_by: 'layerline',
        root: engine.modelPath,
        parent: null,
        max_model_len: 512,
      },
    ])
    expect(((await (await fetch(`${engine.url}/models/${engine.model}`)).json()) as { id: string }).id).toBe(
      engine.model,
    )
  })

  it('streams a chat: role first, one event a token, reason, usage, and the ids of prompt and tokens', async () => {
    const events = await stream(
      '/v1/chat/completions',
      {
        model: engine.model,
        messages: say('Name three colours.'),
        max_tokens: 12,
        temperature: 0,
        return_token_ids: true,
        stream_options: { include_usage: true, continuous_usage_stats: true },
      },
      { headers: { 'x-request-id': 'run-7' } },
    )
    const [role] = events
    const last = events.at(-1) as Body
    const tokens = events.slice(1, -1)
    expect(new Set(events.map(({ id }) => id))).toEqual(new Set(['chatcmpl-run-7']))
    expect(role?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' })
    expect(textOf(tokens)).not.toBe('')
    let sum = 0
    for (const { choices, usage } of tokens) {
      sum += choices[0]?.token_ids?.length ?? 0
      expect(usage.completion_tokens).toBe(sum)
    }
    expect(tokens.map(({ choices }) => choices[0]?.finish_reason !== null).indexOf(true)).toBe(tokens.length - 1)
    expect(last.choices).toEqual([])
    expect(last.usage).toMatchObject({ completion_tokens: sum, total_tokens: sum + last.usage.prompt_tokens })
    expect(role?.prompt_token_ids).toHaveLength(last.usage.prompt_tokens)
    const { tokens: rendered } = (await json('/tokenize', { messages: say('Name three colours.') })) as unknown as {
      tokens: number[]
    }
    expect(role?.prompt_token_ids).toEqual(rendered)
  })

  it('streams a completion whose text and ids are those of the whole answer', async () => {
    const body = { prompt: 'The first ten numbers are', max_tokens: 20, temperature: 0, return_token_ids: true }
    const events = await stream('/v1/completions', { ...body, stream_options: { include_usage: true } })
    const whole = await json('/v1/completions', body)
    expect(whole.id).toMatch(/^cmpl-[0-9a-f]{32}$/)
    expect(textOf(events)).toBe(whole.choices[0]?.text)
    expect(events.flatMap(({ choices }) => choices[0]?.token_ids ?? [])).toEqual(whole.choices[0]?.token_ids)
    expect(events.at(-1)?.usage.completion_tokens).toBe(whole.usage.completion_tokens)
    expect(events[0]?.choices[0]?.prompt_token_ids).toEqual(whole.choices[0]?.prompt_token_ids)
    expect(whole.usage.prompt_tokens_details.cached_tokens).toBe(whole.usage.prompt_tokens - 1)
  })

  it('takes a prompt as token ids, the same as its text', async () => {
    const prompt = 'Water boils at'
    const { tokens } = (await json('/tokenize', { prompt })) as unknown as { tokens: number[] }
    const answers = []
    for (const form of [prompt, [prompt], tokens, [tokens]]) {
      const { choices, usage } = await json('/v1/completions', { prompt: form, max_tokens: 8, temperature: 0 })
      expect(usage.prompt_tokens).toBe(tokens.length)
      answers.push(choices[0]?.text)
    }
    expect(new Set(answers).size).toBe(1)
    expect(await json('/detokenize', { tokens })).toEqual({ prompt })
  })

  it('never splits a character', async () => {
    const body = { messages: say('Say hi with an emoji.'), temperature: 0, max_tokens: 18, return_token_ids: true }
    const events = (await stream('/v1/chat/completions', body)).slice(1)
    expect(textOf(events)).toMatch(/\p{Emoji_Presentation}/u)
    for (const { choices } of events.slice(0, -1)) expect(choices[0]?.delta?.content).not.toContain('\uFFFD')
    expect(events.some(({ choices }) => (choices[0]?.token_ids?.length ?? 0) > 1)).toBe(true)
  })

  it('gives the same text for the same seed and temperature, other text for other seeds', async () => {
    const write = async (seed: number) => {
      const body = { prompt: 'Once upon a time', max_tokens: 24, temperature: 1, seed }
      return (await json('/v1/completions', body)).choices[0]?.text
    }
    const first = await write(11)
    expect(await write(11)).toBe(first)
    expect(new Set([first, await write(12), await write(13)]).size).toBeGreaterThan(1)
  })

  it('ends before a stop string, and by itself where the text ends', async () => {
    const body = { prompt: '1, 2, 3, 4, 5,', temperature: 0, max_tokens: 40 }
    const free = (await json('/v1/completions', body)).choices[0]?.text as string
    const stop = free.slice(7, 11)
    for (const events of [await stream('/v1/completions', { ...body, stop: [stop, 'never said'] })]) {
      expect(textOf(events)).toBe(free.slice(0, free.indexOf(stop)))
      expect(events.at(-1)?.choices[0]?.finish_reason).toBe('stop')
    }
    const short = await json('/v1/chat/completions', { messages: say('Answer with yes.'), temperature: 0 })
    expect(short.choices[0]?.finish_reason).toBe('stop')
    const on = await json('/v1/chat/completions', {
      messages: say('Answer with yes.'),
      temperature: 0,
      ignore_eos: true,
      max_tokens: short.usage.completion_tokens + 10,
    })
    expect(on).toMatchObject({
      choices: [{ finish_reason: 'length' }],
      usage: { completion_tokens: short.usage.completion_tokens + 10 },
    })
  })

  it.each([
    ['an unknown model', '/v1/completions', { model: 'gpt-9', prompt: 'a' }, 404, 'model', 'gpt-9'],
    ['a body that is not JSON', '/v1/chat/completions', '{"messages": [', 400, null, 'JSON'],
    ['too long a prompt', '/v1/completions', { prompt: 'word '.repeat(600) }, 400, 'prompt', '512'],
    ['more tokens than there is room', '/v1/completions', { prompt: 'a', max_tokens: 4000 }, 400, 'prompt', '4000'],
    ['an empty prompt', '/v1/completions', { prompt: '' }, 400, 'prompt', 'no tokens'],
    ['tokens that there are not', '/v1/completions', { prompt: [1, 10_000_000] }, 400, 'prompt', '10000000'],
    ['logprobs', '/v1/chat/completions', { messages: say('a'), logprobs: true }, 400, 'logprobs', 'not supported'],
    ['an unknown path', '/v1/embeddings', {}, 404, null, '/v1/completions'],
  ])('answers %s with an error of the API', async (_, path, body, status, param, said) => {
    const response = await post(path, body)
    const { error } = (await response.json()) as Body
    expect(response.status).toBe(status)
    expect(error).toMatchObject({ type: 'invalid_request_error', param, message: expect.stringContaining(said) })
    expect(error).toHaveProperty('code')
  })

  it('answers the wrong method with 405 and too long a body with 413', async () => {
    const wrong = await fetch(`${engine.url}/completions`)
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST'])
    const long = await post('/v1/completions', `{"prompt": "${'x'.repeat(17 << 20)}"}`).catch(() => undefined)
    // The connection may be cut while the rest of the body is still being sent.
    if (long !== undefined) expect(long.status).toBe(413)
    expect((await json('/v1/completions', { prompt: 'a', max_tokens: 1 })).usage.completion_tokens).toBe(1)
  })
})

describe('what it counts', () => {
  it('grows by exactly the usage of what was answered, batched requests and caches included', async () => {
    const before = await metrics()
    let running = 0
    const watch = async (until: Promise<unknown>) => {
      let over = false
      void until.then(() => {
        over = true
      })
      while (!over) running = Math.max(running, (await metrics()).num_requests_running ?? 0)
    }
    const answers = Promise.all(
      [1, 2, 3, 4, 5].map(async (n) => {
        const body = {
          prompt: `Story number ${n % 3}:`,
          max_tokens: 8 + n,
          seed: n,
          stream_options: { include_usage: true },
        }
        return (await stream('/v1/completions', body)).at(-1)?.usage as Usage
      }),
    )
    await watch(answers)
    const usages = await answers
    const after = await metrics()
    const growth = (name: string) => (after[name] ?? Number.NaN) - (before[name] ?? Number.NaN)
    const sum = (pick: (usage: Usage) => number) => usages.reduce((total, usage) => total + pick(usage), 0)
    expect(growth('generation_tokens_total')).toBe(sum((usage) => usage.completion_tokens))
    expect(growth('prompt_tokens_total')).toBe(sum((usage) => usage.prompt_tokens))
    expect(growth('prompt_tokens_cached_total')).toBe(sum((usage) => usage.prompt_tokens_details.cached_tokens))
    expect(growth('prefix_cache_hits_total')).toBe(growth('prompt_tokens_cached_total'))
    expect(growth('request_success_total:length') + growth('request_success_total:stop')).toBe(5)
    expect(running).toBe(2)
    expect(after).toMatchObject({ num_requests_running: 0, num_requests_waiting: 0, kv_cache_usage_perc: 0 })
  })

  it('stops decoding when the client goes away', async () => {
    const before = await metrics()
    const cancel = new AbortController()
    const body = { prompt: 'A very long story:', max_tokens: 450, ignore_eos: true, stream: true }
    const response = await post('/v1/completions', body, { signal: cancel.signal })
    await response.body?.getReader().read()
    cancel.abort()
    let after = await metrics()
    for (
      let tries = 0;
      after['request_success_total:abort'] === before['request_success_total:abort'] && tries < 500;
      tries++
    ) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      after = await metrics()
    }
    expect(after['request_success_total:abort']).toBe((before['request_success_total:abort'] ?? 0) + 1)
    expect((after.generation_tokens_total ?? 0) - (before.generation_tokens_total ?? 0)).toBeLessThan(400)
    expect(after.num_requests_running).toBe(0)
  })
})

describe('its process', () => {
  it(
    'is listed, runs beside another, and leaves nothing behind when stopped',
    async () => {
      const other = await startLlamacpp({ sequences: 1, contextTokens: 256, detached: true })
      const start = processStart(other.pid)
      try {
        const [status] = listEngines()
        expect(status).toMatchObject({
          name: 'llamacpp',
          installed: true,
          model: { installed: true, sha256: other.modelSha256 },
        })
        expect(status?.running.map(({ pid }) => pid)).toEqual(expect.arrayContaining([engine.pid, other.pid]))
        const answer = await fetch(`${other.url}/completions`, {
          method: 'POST',
          body: '{"prompt":"a","max_tokens":1}',
        })
        expect(answer.status).toBe(200)
        // It is stopped while it decodes.
        const cut = fetch(`${other.url}/completions`, {
          method: 'POST',
          body: '{"prompt":"a","max_tokens":200,"ignore_eos":true}',
        })
        const failed = cut.then(() => 'answered').catch(() => 'cut')
        await new Promise((resolve) => setTimeout(resolve, 200))
        expect(await stopEngine(other.port)).toMatchObject([{ pid: other.pid }])
        expect(await failed).toBe('cut')
      } finally {
        await other.stop()
      }
      expect(isSameProcessAlive(other.pid, start)).toBe(false)
      await expectFree(other.port)
      expect(listEngines()[0]?.running.map(({ pid }) => pid)).not.toContain(other.pid)
      expect(existsSync(other.log)).toBe(true)
    },
    MINUTES,
  )

  it('outlives the Ctrl-C that its parent gets, to answer what is under way', async () => {
    const answer = json('/v1/completions', { prompt: 'a', max_tokens: 20, ignore_eos: true })
    process.kill(engine.pid, 'SIGINT')
    expect((await answer).usage.completion_tokens).toBe(20)
  })

  it(
    'ends when the program that started it is killed',
    async () => {
      const control = builtFile('src/engines/llamacpp/control').href
      const script = `const { startLlamacpp } = await import(${JSON.stringify(control)})
      const engine = await startLlamacpp({ sequences: 1, contextTokens: 256 })
      console.log(JSON.stringify([engine.pid, engine.port]))`
      const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        const line = await new Promise<string>((resolve) => parent.stdout.once('data', (data) => resolve(String(data))))
        const [pid, port] = JSON.parse(line) as [number, number]
        const start = processStart(pid)
        expect(isSameProcessAlive(pid, start)).toBe(true)
        parent.kill('SIGKILL')
        for (let tries = 0; isSameProcessAlive(pid, start) && tries < 500; tries++) {
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
        expect(isSameProcessAlive(pid, start)).toBe(false)
        await expectFree(port)
        expect(listEngines()[0]?.running.map((running) => running.pid)).not.toContain(pid)
      } finally {
        parent.kill('SIGKILL')
      }
    },
    MINUTES,
  )

  it(
    'says that its port is taken, and by a broken model what the engine said',
    async () => {
      await expect(startLlamacpp({ port: engine.port })).rejects.toMatchObject({
        code: 'usage/port',
        message: expect.stringContaining(String(engine.port)),
      })
      const folder = mkdtempSync(join(tmpdir(), 'layerline-model-'))
      try {
        const model = join(folder, 'broken.gguf')
        writeFileSync(model, `GGUF${'\u0003\u0000\u0000\u0000'.repeat(20)}`)
        const error = await startLlamacpp({ model }).then(
          () => undefined,
          (failure: { code: string; hint: string; message: string }) => failure,
        )
        expect(error).toMatchObject({ code: 'missing/engine', message: expect.stringContaining('broken.gguf') })
        expect(readFileSync(error?.hint.replace(/^.*log: /, '') ?? '', 'utf8')).not.toBe('')
        await expect(startLlamacpp({ model: join(folder, 'absent.gguf') })).rejects.toMatchObject({
          code: 'input/model',
        })
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
    MINUTES,
  )
})

/** Binds the port ourselves, which fails while anything listens there; the last threads of a process may take a moment. */
async function expectFree(port: number): Promise<void> {
  const bind = () =>
    new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
  for (let tries = 0; tries < 100 && !(await bind()); tries++) await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await bind()).toBe(true)
}
