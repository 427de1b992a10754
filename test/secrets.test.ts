import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { TABLES } from '../src/trace/tables.ts'
import { layerline, startLayerline, until } from './support/cli.ts'

vi.setConfig({ testTimeout: 180_000 })

/** One for each way in; no part of one is a word. */
const SECRETS = {
  key: 'sk-plantedKey8f3Qx71',
  header: 'plantedHeader/+52"Zq',
  cookie: 'plantedCookie44Ty',
  basic: 'plantedBasic77Wr',
  query: 'planted Query&99=Lm',
  body: 'plantedBody31Vb',
  metricsToken: 'plantedToken28Hg',
} as const
const EVERY = Object.values(SECRETS)
/** Before the `@` of a URL. */
const LOGIN = 'plantedUser:plantedPass63Kd'
/** As they are written in JSON, URLs and Basic authentication too, and the parts of one that comes in two events. */
const FORMS = [...EVERY, LOGIN, 'plantedPass63Kd'].flatMap((secret) => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
])

let url = ''
let metricsUrl = ''
let asked = 0
const seenAuthorizations = new Set<string>()
const server = createServer((request, response) => void answer(request, response))
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  url = `http://127.0.0.1:${port}/v1/chat/completions?api_key=${encodeURIComponent(SECRETS.query)}`
  metricsUrl = `http://127.0.0.1:${port}/metrics?token=${SECRETS.metricsToken}`
})
afterAll(() => server.close())

/** A server that tells everything it hears, wherever there is room for it. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  if (request.headers.authorization !== undefined) seenAuthorizations.add(request.headers.authorization)
  if (request.url?.startsWith('/metrics')) {
    response.end(`vllm:num_requests_running{model_name="${SECRETS.key}",pod="${SECRETS.metricsToken}"} 1\n`)
    return
  }
  if (request.url?.endsWith('/models')) {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ object: 'list', data: [{ id: 'm', owned_by: SECRETS.key }] }))
    return
  }
  if (request.url?.endsWith('/tokenize')) {
    response.writeHead(404).end()
    return
  }
  const heard = `${JSON.stringify(request.headers)} ${request.url} ${Buffer.concat(parts).toString()} ${EVERY.join(' | ')}`
  const turn = asked++ % 4
  if (turn === 0) {
    response.writeHead(401, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { message: heard } }))
    return
  }
  response.writeHead(200, { 'content-type': turn === 1 ? 'text/html' : 'text/event-stream' })
  if (turn === 1) {
    response.end(`<p>${'x'.repeat(60)}${SECRETS.key}${heard}</p>`)
    return
  }
  const event = (delta: object, more: object = {}) =>
    response.write(
      `data: ${JSON.stringify({ id: `cmpl-${SECRETS.key}`, model: SECRETS.key, choices: [{ index: 0, delta, ...more }] })}\n\n`,
    )
  event({ role: 'assistant', content: '' })
  for (const secret of EVERY) {
    event({ content: ` ${secret.slice(0, 9)}` })
    event({ content: secret.slice(9) })
  }
  if (turn === 2) {
    event({ content: '' }, { finish_reason: SECRETS.header })
    response.end('data: [DONE]\n\n')
  } else response.end(`data: not JSON ${SECRETS.body} ${heard}\n\n`)
}

function expectNone(text: string | Buffer, where: string): void {
  const found = FORMS.filter((form) => text.includes(form))
  expect(found, where).toEqual([])
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
}

const env = { LAYERLINE_API_KEY: SECRETS.key }
const given = () => [
  ...['--url', url, '--model', 'm', '--engine-metrics', metricsUrl, '--sample-ms', '100'],
  ...['--header', `X-Auth-Token: ${SECRETS.header}`, '--header', `Cookie: s=${SECRETS.cookie}; t=1`],
  ...['--header', `Proxy-Authorization: Basic ${Buffer.from(`me:${SECRETS.basic}`).toString('base64')}`],
  ...['--body', JSON.stringify({ extra: { access_token: SECRETS.body, list: [{ password: SECRETS.body }] } })],
  '--texts',
]

describe('secrets of a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const prompts = join(folder, 'p.csv')
  writeFileSync(prompts, `size,prompt\n${Array.from({ length: 8 }, (_, i) => `4,say ${i}\n`).join('')}`)

  test('are in nothing that is shown or kept, whatever the server echoes', async () => {
    const run = join(folder, 'run')
    const traced = await layerline(folder, ['trace', '--prompts', prompts, '--out', run, ...given()], { env })
    expect(traced.code, traced.stderr).toBe(0)
    expect(seenAuthorizations).toContain(`Bearer ${SECRETS.key}`)
    expectNone(traced.stdout + traced.stderr, 'what trace prints')
    for (const path of filesBelow(run)) expectNone(readFileSync(path), path)
    // Parts are packed: they are looked into by what reads them.
    for (const table of Object.keys(TABLES)) {
      const { code, stdout } = await layerline(folder, ['sql', run, `SELECT * FROM ${table}`, '--json'])
      expect(code).toBe(0)
      expectNone(stdout, table)
    }
    const texts = await layerline(folder, ['sql', run, 'SELECT output FROM texts', '--json'])
    expect(texts.stdout).toContain('***')
    const kept = await layerline(folder, ['sql', run, 'SELECT status, finish_reason, error FROM requests', '--json'])
    expect(kept.stdout).toContain('http_error')
    for (const args of [
      ['report', run],
      ['report', run, '--json'],
      ['export', run, '--to', 'chrome', '--out', join(folder, 'run.chrome.json')],
      ['export', run, '--to', 'perfetto', '--out', join(folder, 'run.pftrace')],
    ]) {
      const { code, stdout, stderr } = await layerline(folder, args)
      expect(code, stderr).toBe(0)
      expectNone(stdout + stderr, args.join(' '))
    }
    for (const path of filesBelow(folder)) if (path !== prompts) expectNone(readFileSync(path), path)
  })

  test('are in no process of a run that others can look at', async () => {
    const out = join(folder, 'fleet')
    const fleet = startLayerline(
      folder,
      ['load', '--rate', '20', '--duration', '6', '--workers', '2', '--out', out, ...given()],
      { env },
    )
    const seen = new Set<number>()
    await until(() => {
      for (const pid of [fleet.pid, ...childrenOf(fleet.pid)]) {
        const words = textOf(`/proc/${pid}/cmdline`)
        if (!existsSync(join(out, 'live-0.duckdb'))) continue
        expectNone(words, `/proc/${pid}/cmdline`)
        if (words !== '') seen.add(pid)
      }
      return seen.size >= 3 || fleet.child.exitCode !== null
    })
    const ended = await fleet.ended
    expect(seen.size, ended.stderr).toBeGreaterThanOrEqual(3)
    expectNone(ended.stdout + ended.stderr, 'what load prints')
    for (const path of filesBelow(out)) expectNone(readFileSync(path), path)
  })

  test.each([
    [['trace', '--prompts', 'p.csv', '--url', `http://${LOGIN}@127.0.0.1:9/v1`]],
    [['trace', '--prompts', 'p.csv', '--url', `${LOGIN}@127.0.0.1:9`]],
    [['trace', '--prompts', 'p.csv', '--url', `http://127.0.0.1:9/v1?key=${SECRETS.metricsToken}`]],
    [['trace', '--prompts', 'p.csv', '--gpu', `dcgm:http://${LOGIN}@127.0.0.1:9`, '--url', 'http://127.0.0.1:9']],
    [['trace', '--prompts', 'p.csv', '--gpu', `ssh://${LOGIN}@127.0.0.1`, '--url', 'http://127.0.0.1:9']],
    [['trace', '--prompts', 'p.csv', '--engine-metrics', `${LOGIN}@127.0.0.1:9`, '--gpu', 'none', '--url', 'x']],
    [['trace', '--api-key', SECRETS.key, '--prompts', 'p.csv']],
    [['trace', '--body', `{"api_key": "${SECRETS.body}"`, '--url', 'http://127.0.0.1:9', '--prompts', 'p.csv']],
    [['trace', '--header', SECRETS.cookie, '--url', 'http://127.0.0.1:9', '--prompts', 'p.csv']],
    [['trace', `--headers=Authorization: Bearer ${SECRETS.key}`]],
    [
      [
        'prompts',
        'make',
        '--generator-url',
        `http://${LOGIN}@127.0.0.1:9`,
        '--generator-model',
        'm',
        '--stage',
        'prefill',
        '--sizes',
        '10',
        '--out',
        'o.csv',
      ],
    ],
    [['load', '--rate', '1', '--temperature', `http://${LOGIN}@h`]],
    [[`http://${LOGIN}@h`]],
  ])('are not in the error of %#', async (args) => {
    const { code, stdout, stderr } = await layerline(folder, args)
    expect(code).not.toBe(0)
    expectNone(stdout + stderr, args.join(' '))
  })
})

function childrenOf(pid: number): number[] {
  return textOf(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number)
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
