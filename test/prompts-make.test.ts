import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { builtFile } from '../src/base/package-files.ts'
import { loadPrompts, type PromptRow } from '../src/workload/prompts.ts'
import { useRealEngine } from './support/real-engine.ts'
import { tempFolder } from './support/temp-folder.ts'

const QUESTION = ' Summarize in 1 word.'
const KEY = 'a-key-that-nobody-may-see'

const engine = useRealEngine({ sequences: 2, contextTokens: 2048 })

/** Without the keys of the user who runs the tests. */
function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/API_KEY|^SURF_/.test(name))
  return { ...Object.fromEntries(kept), ...more }
}

const MAIN = builtFile('src/cli/main').href
const argv = (args: readonly string[]) => [
  '--input-type=module',
  '-e',
  `const { main } = await import(${JSON.stringify(MAIN)}); await main(process.argv.slice(1))`,
  '--',
  'prompts',
  'make',
  ...args,
]

function make(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, argv(args), { env: environment(env), cwd: tempFolder() }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err }),
    )
  })
}

async function tokens(prompt: string): Promise<number[]> {
  const body = JSON.stringify({ prompt, add_special_tokens: false })
  const answer = await fetch(new URL('/tokenize', engine.url), { method: 'POST', body })
  return ((await answer.json()) as { tokens: number[] }).tokens
}

async function expectExact(rows: readonly PromptRow[]): Promise<void> {
  for (const { prompt, size, attrs } of rows) {
    if (typeof prompt !== 'string') throw new Error('expected text')
    expect(prompt.endsWith(QUESTION)).toBe(true)
    expect(await tokens(prompt.slice(0, -QUESTION.length))).toHaveLength(size ?? Number.NaN)
    expect(await tokens(prompt)).toHaveLength(Number(attrs?.prompt_tokens))
  }
}

describe('prompts make, by the /tokenize of a real engine', () => {
  it('makes texts of exactly the size, and the tokens it says are those the engine then bills', async () => {
    const out = join(tempFolder(), 'prefill.csv')
    const args = ['--stage', 'prefill', '--sizes', '10,50,100,1000', '--per-size', '6', '--seed', '5']
    const { code, out: said, err } = await make([...args, '--url', engine.url, '--out', out, '--json'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const rows = await loadPrompts(out)
    expect(rows).toHaveLength(24)
    await expectExact(rows)
    const starts = rows.map(({ prompt }) => String(prompt).split(' ', 4).join(' '))
    expect(new Set(starts).size).toBe(24)
    const summary = JSON.parse(said) as { overhead: { template: number } }
    for (const row of rows.filter(({ id, size }) => id.endsWith('-0') && size !== 1000)) {
      const body = { messages: [{ role: 'user', content: row.prompt }], max_tokens: 1 }
      const answer = await fetch(`${engine.url}/chat/completions`, { method: 'POST', body: JSON.stringify(body) })
      const { usage } = (await answer.json()) as { usage: { prompt_tokens: number } }
      expect(usage.prompt_tokens).toBe(Number(row.attrs?.prompt_tokens) + summary.overhead.template)
      expect(Number(row.attrs?.template_tokens)).toBe(summary.overhead.template)
    }
    const again = join(tempFolder(), 'prefill.csv')
    await make([...args, '--url', engine.url, '--out', again])
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(out, 'utf8'))
  })

  it('shares a prefix where asked, token for token, as ids too', async () => {
    const out = join(tempFolder(), 'shared.jsonl')
    const args = ['--stage', 'prefill', '--sizes', '64,200', '--per-size', '3', '--shared-prefix', '40', '--token-ids']
    expect((await make([...args, '--url', engine.url, '--out', out])).code).toBe(0)
    const ids = (await loadPrompts(out)).map(({ prompt }) => prompt as number[])
    expect(ids).toHaveLength(6)
    for (const own of ids) expect(own.slice(0, 40)).toEqual(ids[0]?.slice(0, 40))
    expect(new Set(ids.map((own) => own.slice(40, 48).join())).size).toBe(6)
    const body = { prompt: ids[5], max_tokens: 1 }
    const answer = await fetch(`${engine.url}/completions`, { method: 'POST', body: JSON.stringify(body) })
    const { usage } = (await answer.json()) as { usage: { prompt_tokens: number } }
    expect(usage.prompt_tokens).toBe(200 + (await tokens(`x${QUESTION}`)).length - 1)
  })

  it('makes decode prompts with nothing to count, and counts them where it can', async () => {
    const folder = tempFolder()
    const args = ['--stage', 'decode', '--seed', '1', '--per-size', '100']
    expect((await make([...args, '--out', join(folder, 'a.csv')])).code).toBe(0)
    expect((await make([...args, '--url', engine.url, '--out', join(folder, 'b.csv')])).code).toBe(0)
    const [plain, counted] = await Promise.all(['a.csv', 'b.csv'].map((name) => loadPrompts(join(folder, name))))
    expect(plain?.map(({ prompt }) => prompt)).toEqual(counted?.map(({ prompt }) => prompt))
    expect(plain?.map(({ size }) => size)).toEqual([10, 50, 100, 1000, 10_000].flatMap((size) => Array(100).fill(size)))
    for (const { prompt, attrs } of counted?.slice(0, 20) ?? []) {
      expect(await tokens(String(prompt))).toHaveLength(Number(attrs?.prompt_tokens))
    }
  })
})

interface Generator {
  url: string
  /** Contents of the messages of all requests that came. */
  asked: string[]
  /** Statuses to answer with, one per request, before all is well; 0 cuts the connection. */
  troubles: number[]
  /** Answers given from here on wait forever. */
  holdAfter: number
}

/** An API that writes, at first unwillingly; its texts hold what must not come through. */
async function startGenerator(key: string | null): Promise<Generator> {
  const state: Generator = { url: '', asked: [], troubles: [], holdAfter: Number.POSITIVE_INFINITY }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = ''
    for await (const part of request) text += String(part)
    const send = (status: number, body: unknown, headers: Record<string, string> = {}): void =>
      void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
    if (key !== null && request.headers.authorization !== `Bearer ${key}`) {
      return send(401, { error: { message: `no good key: ${request.headers.authorization ?? 'none'}` } })
    }
    const body = JSON.parse(text) as { messages: { content: string }[] }
    const content = body.messages[0]?.content ?? ''
    state.asked.push(content)
    const trouble = state.troubles.shift()
    if (trouble === 0) return void request.socket.destroy()
    if (trouble === 200) return send(200, { choices: [{ message: { content: ' ' } }] })
    if (trouble !== undefined) return send(trouble, { error: { message: 'not now' } }, { 'retry-after': '0.05' })
    if (state.asked.length > state.holdAfter) return
    const subject = content.replace(/.*story about /, '').replace(/\. Plain.*/, '')
    const written = `${subject} were there.\n\n<|im_end|>It "rained", ${'and the bridge was old '.repeat(6)}. `
    send(200, { choices: [{ message: { role: 'assistant', content: written } }] })
  }
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return state
}

const generated = (generator: Generator, out: string, more: string[] = []) => [
  ...['--stage', 'prefill', '--sizes', '10,60', '--per-size', '4', '--seed', '2', '--url', engine.url],
  ...['--generator-url', generator.url, '--generator-model', 'writer', '--concurrency', '1', '--out', out, ...more],
]

describe('prompts make with a generator', () => {
  it('tries again what fails for now, and cuts and cleans what is written to the exact size', async () => {
    const generator = await startGenerator(KEY)
    generator.troubles = [500, 429, 0, 200]
    const out = join(tempFolder(), 'g.csv')
    const { code, err } = await make(generated(generator, out), { LAYERLINE_GENERATOR_API_KEY: KEY })
    expect(code, err).toBe(0)
    expect(err.match(/trying again/g)).toHaveLength(4)
    expect(err).not.toContain(KEY)
    const rows = await loadPrompts(out)
    expect(rows).toHaveLength(8)
    await expectExact(rows)
    for (const { prompt } of rows) expect(prompt).not.toMatch(/<\||\n/)
    expect(new Set(generator.asked).size).toBeGreaterThanOrEqual(8)
    expect(rows.filter(({ prompt }) => String(prompt).includes('were there. It "rained"')).length).toBeGreaterThan(3)
  })

  it('gives up where it keeps failing, and goes on there the next time, also after kill -9', async () => {
    const generator = await startGenerator(null)
    const out = join(tempFolder(), 'g.csv')
    generator.holdAfter = 3
    const child: ChildProcess = spawn(process.execPath, argv(generated(generator, out)), {
      env: environment(),
      stdio: 'ignore',
    })
    const exited = once(child, 'exit')
    const rowsOf = () => (existsSync(`${out}.part`) ? readFileSync(`${out}.part`, 'utf8').split('\n').length - 2 : 0)
    for (let tries = 0; rowsOf() < 3 && tries < 500; tries++) await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGKILL')
    await exited
    expect(rowsOf()).toBe(3)
    expect(existsSync(out)).toBe(false)

    generator.holdAfter = Number.POSITIVE_INFINITY
    generator.troubles = Array<number>(7).fill(503)
    const failed = await make(generated(generator, out))
    expect(failed.code).toBe(3)
    expect(failed.err).toContain('HTTP 503: not now (tried 7 times)')
    expect(failed.err).toContain('the same command resumes it')

    const other = await make(generated(generator, out, ['--salt', 'another']))
    expect(other.code).toBe(2)
    expect(other.err).toContain('salt "2", now "another"')

    const before = generator.asked.length
    const { code, out: said } = await make(generated(generator, out, ['--json']))
    expect(code).toBe(0)
    expect(JSON.parse(said)).toMatchObject({ rows: 8, resumed: 3, whole: true })
    expect(generator.asked.length - before).toBeLessThan(15)
    await expectExact(await loadPrompts(out))
  })

  it('can be stopped, and goes on', async () => {
    const generator = await startGenerator(null)
    generator.holdAfter = 2
    const out = join(tempFolder(), 'g.csv')
    const child = spawn(process.execPath, argv(generated(generator, out)), { env: environment(), stdio: 'pipe' })
    let said = ''
    child.stderr.on('data', (part: Buffer) => {
      said += part.toString()
    })
    const exited = once(child, 'exit')
    for (let tries = 0; generator.asked.length < 3 && tries < 500; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    child.kill('SIGINT')
    expect((await exited)[0]).toBe(130)
    expect(said).toContain('stopped after 2 prompts')
    generator.holdAfter = Number.POSITIVE_INFINITY
    expect((await make(generated(generator, out))).code).toBe(0)
    expect(await loadPrompts(out)).toHaveLength(8)
  })

  it('says that it needs a key, and never sends it the key of the server', async () => {
    const generator = await startGenerator(KEY)
    const out = join(tempFolder(), 'g.csv')
    const none = await make(generated(generator, out), { LAYERLINE_API_KEY: 'the-servers-own' })
    expect(none.code).toBe(2)
    expect(none.err).toContain('HTTP 401: no good key: none')
    expect(none.err).toContain('set LAYERLINE_GENERATOR_API_KEY or NEBULA_API_KEY')
    const wrong = await make(generated(generator, out), { NEBULA_API_KEY: 'wrong-secret-key' })
    expect(wrong.code).toBe(2)
    expect(wrong.err).toContain('the key of environment NEBULA_API_KEY was refused')
    expect(wrong.err).not.toContain('wrong-secret-key')
  })
})

describe('prompts make says what is wrong', () => {
  const prefill = ['--stage', 'prefill']

  it('with a server that has no /tokenize, or another', async () => {
    const server = createServer((request, response) => {
      request.resume()
      const models = { data: [{ id: 'm' }] }
      if (request.url === '/v1/models') response.end(JSON.stringify(models))
      else if (request.url === '/other/v1/models') response.end(JSON.stringify(models))
      else if (request.url === '/other/tokenize') response.end('{"ids": [1, 2]}')
      else response.writeHead(404).end('{"detail": "Not Found"}')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const out = join(tempFolder(), 'x.csv')
    const none = await make([...prefill, '--url', url, '--out', out])
    expect(none.code).toBe(2)
    expect(none.err).toContain(`${url}/tokenize: HTTP 404`)
    expect(none.err).toContain('--tokenizer')
    const other = await make([...prefill, '--url', `${url}/other`, '--out', out])
    expect(other.code).toBe(2)
    expect(other.err).toContain('as vLLM answers')
    expect(existsSync(`${out}.part`)).toBe(false)
  })

  it.each([
    ['nothing to count with', [], 2, 'no --tokenizer and no --url'],
    ['a tokenizer that is nowhere', ['--tokenizer', '/nowhere/t'], 2, '/nowhere/t: no such file'],
    ['a server that is not there', ['--url', 'http://127.0.0.1:1'], 3, 'connection refused'],
    ['half a generator', ['--generator-url', 'http://127.0.0.1:1'], 2, 'go together'],
    ['sizes that are none', ['--sizes', '10,ten'], 2, '--sizes ten'],
    ['ids in a CSV', ['--token-ids'], 2, 'a CSV has only text'],
  ])('with %s', async (_, args, code, said) => {
    const result = await make([...prefill, ...args, '--out', join(tempFolder(), 'x.csv')])
    expect(result.err).toContain(said)
    expect(result.code).toBe(code)
  })

  it('with a file that is there already', async () => {
    const folder = tempFolder()
    const first = ['--stage', 'decode', '--per-size', '1', '--sizes', '10', '--out', join(folder, 'd.csv')]
    expect((await make(first)).code).toBe(0)
    const text = readFileSync(join(folder, 'd.csv'), 'utf8')
    const again = await make(first)
    expect(again.code).toBe(2)
    expect(again.err).toContain('there is already something of that name')
    expect(readFileSync(join(folder, 'd.csv'), 'utf8')).toBe(text)
  })
})
