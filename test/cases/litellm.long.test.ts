import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Report } from '../../src/analysis/report.ts'
import { layerline, sqlRows, until } from '../support/cli.ts'
import { pythonWithLitellm } from '../support/python-packages.ts'
import { useRealEngine } from '../support/real-engine.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { type CaseServer, chunk, ROLE, startCaseServer } from './case-server.ts'

const MINUTES = 60_000
/** Shorter ones LiteLLM takes for a default to be warned of. */
const KEY = `sk-${randomBytes(24).toString('hex')}`

const engine = useRealEngine({ sequences: 4, contextTokens: 1024 })
let proxy: ChildProcess
let failing: CaseServer
let url = ''
let folder = ''
let said = ''

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

beforeAll(async () => {
  const python = await pythonWithLitellm()
  failing = await startCaseServer((_, reply) => {
    reply.start()
    reply.event(chunk(ROLE))
    reply.event(chunk('half'))
    reply.event({
      error: { message: 'the engine behind the proxy met a fault', type: 'InternalServerError', code: 500 },
    })
    reply.event('[DONE]')
    reply.end()
  })
  folder = mkdtempSync(join(tmpdir(), 'layerline-litellm-'))
  const model = (name: string, id: string, base: string) =>
    `  - model_name: ${name}\n    litellm_params: {model: openai/${id}, api_base: ${base}, api_key: none}\n`
  const config = `model_list:\n${model('vendor/small', engine.model, engine.url)}${model('vendor/failing', 'mock', `${failing.url}/v1`)}general_settings: {master_key: ${KEY}}\nlitellm_settings: {num_retries: 0}\n`
  writeFileSync(join(folder, 'config.yaml'), config)
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  proxy = spawn(
    python,
    [
      '-c',
      'from litellm import run_server; run_server()',
      '--config',
      'config.yaml',
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--telemetry',
      'False',
    ],
    { cwd: folder, env: { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True' }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  for (const stream of [proxy.stdout, proxy.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (said += text))
  await until(async () => {
    if (proxy.exitCode !== null) throw new Error(`the proxy ended:\n${said}`)
    return fetch(`${url}/health/liveliness`).then(
      ({ ok }) => ok,
      () => false,
    )
  }, 500)
}, 20 * MINUTES)

afterAll(async () => {
  if (proxy !== undefined && proxy.exitCode === null) {
    proxy.kill('SIGTERM')
    const kill = setTimeout(() => proxy.kill('SIGKILL'), 10_000)
    await once(proxy, 'exit')
    clearTimeout(kill)
  }
  await failing?.stop()
  if (folder !== '') rmSync(folder, { recursive: true, force: true })
})

const load = (cwd: string, model: string, env: Record<string, string> = { LAYERLINE_API_KEY: KEY }) =>
  layerline(
    cwd,
    [
      'load',
      '--url',
      url,
      '--model',
      model,
      '--requests',
      '12',
      '--concurrency',
      '3',
      '--input-tokens',
      '40',
      '--output-tokens',
      '24',
      '--out',
      'run',
    ],
    { env, timeoutMs: 3 * MINUTES },
  )

test(
  'a load through the real proxy: what the engine counts is what the run has',
  async () => {
    const folder = tempFolder()
    const before = await engine.tokens()
    const { code, stderr } = await load(folder, 'vendor/small')
    expect(code, stderr).toBe(0)
    const after = await engine.tokens()
    const [row] = await sqlRows(
      folder,
      'run',
      `SELECT count(*)::INT AS n, count(*) FILTER (status = 'ok')::INT AS ok, sum(input_tokens)::INT AS input, sum(output_tokens)::INT AS output,
      count(first_token_ns)::INT AS first, count(DISTINCT token_source)::INT AS sources, min(token_source) AS source FROM requests`,
    )
    expect(row).toMatchObject({ n: 12, ok: 12, first: 12, sources: 1, source: 'usage' })
    expect({ input: row?.input, output: row?.output }).toEqual({
      input: after.input - before.input,
      output: after.output - before.output,
    })
    const report = JSON.parse((await layerline(folder, ['report', 'run', '--json'])).stdout) as Report
    expect(report.answers).toMatchObject({ empty: 0, errors_under_200: 0, unread_events: 0 })
    process.stderr.write(
      `litellm: TTFT ${JSON.stringify(report.latency.ttft_ms?.p50)}, bursts ${report.stream.burst_share}, coalesced ${report.stream.coalesced_share}\n`,
    )
  },
  5 * MINUTES,
)

test(
  'a wrong key: every request fails by the words of the proxy, and the key is nowhere',
  async () => {
    const folder = tempFolder()
    // The list of models is an optional fact where a model is named: what the proxy refuses are the requests.
    const { code, stdout, stderr } = await load(folder, 'vendor/small', { LAYERLINE_API_KEY: `${KEY}x` })
    expect(code).toBe(1)
    expect(stdout + stderr).not.toContain(KEY)
    const rows = await sqlRows(folder, 'run', 'SELECT DISTINCT status, http_status, error FROM requests')
    expect(rows.map(({ status }) => status)).toEqual(['http_error'])
    // Without a database of its own this proxy says `400 No connected db.` of a key that it does not know.
    expect([400, 401, 403]).toContain(rows[0]?.http_status)
    expect(String(rows[0]?.error)).toMatch(/HTTP \d+ .+: .+/)
    expect(JSON.stringify(rows)).not.toContain(KEY)
  },
  2 * MINUTES,
)

test(
  'an engine that fails in its stream is no success behind the proxy',
  async () => {
    const folder = tempFolder()
    const { code } = await load(folder, 'vendor/failing')
    const rows = await sqlRows(
      folder,
      'run',
      'SELECT status, http_status, count(*)::INT AS n, any_value(error) AS error FROM requests GROUP BY 1, 2',
    )
    process.stderr.write(`litellm, failing engine: exit ${code}, ${JSON.stringify(rows)}\n`)
    expect(rows.filter(({ status }) => status === 'ok')).toEqual([])
  },
  5 * MINUTES,
)
