import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, type TestContext, test, vi } from 'vitest'
import type { Report } from '../../src/analysis/report.ts'
import { layerline, sqlRows } from '../support/cli.ts'
import { sharedCase } from '../support/shared-cases.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { RETRY_AFTERS } from './servers.ts'

vi.setConfig({ testTimeout: 180_000 })

interface Row {
  status: string
  http_status: number | null
  finish_reason: string | null
  token_source: string | null
  input_tokens: number | null
  output_tokens: number | null
  error: string | null
  note: string | null
  unread_events: number | null
  retries: number
  ttft_ms: number | null
  e2e_ms: number
  span_ms: number | null
  gap_ms: number | null
  token_events: number
  tokens: number | null
  output: string | null
}

const ROWS = `SELECT * EXCLUDE (request_id) FROM (SELECT r.request_id, r.status, r.http_status, r.finish_reason, r.token_source, r.input_tokens, r.output_tokens, r.error, r.note, r.unread_events, r.retries,
  (r.first_token_ns - r.sent_ns) / 1e6 AS ttft_ms, (r.end_ns - r.sent_ns) / 1e6 AS e2e_ms, (r.last_token_ns - r.first_token_ns) / 1e6 AS span_ms,
  r.max_gap_ns / 1e6 AS gap_ms, count(c.request_id)::INT AS token_events, sum(c.tokens)::INT AS tokens, any_value(t.output) AS output
  FROM requests r LEFT JOIN chunks c ON c.request_id = r.request_id AND c.kind IN ('content', 'reasoning', 'tool')
  LEFT JOIN texts t ON t.request_id = r.request_id GROUP BY ALL) ORDER BY request_id`

/** Starts a case's own server and hands over how to send requests to it. */
async function serve(context: TestContext, name: string, env: Record<string, string> = {}) {
  const folder = sharedCase(context, name)
  const child = spawn('python3', ['server.py', '0'], {
    cwd: folder,
    env: { ...process.env, MOCK_SECONDS: '170', ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  let said = ''
  for await (const piece of child.stdout) {
    said += String(piece)
    if (said.includes('\n')) break
  }
  const url = /listening (\S+)/.exec(said)?.[1] ?? ''
  const work = tempFolder()
  const run = (args: readonly string[]) =>
    layerline(work, [...args, '--url', url, '--out', 'run', '--quiet'], { timeoutMs: 150_000 })
  return {
    run,
    trace: (more: readonly string[] = []) =>
      run(['trace', '--prompts', join(folder, '../_lib/prompts.csv'), '--texts', ...more]),
    rows: async () => (await sqlRows(work, 'run', ROWS)) as unknown as Row[],
    report: async () => JSON.parse((await layerline(work, ['report', 'run', '--json'])).stdout) as Report,
  }
}

test('sse-error-after-tokens', async (context) => {
  const { trace, rows } = await serve(context, 'sse-error-after-tokens')
  await trace(['--repeat', '2'])
  const found = await rows()
  expect(found.map(({ status }) => status)).toEqual(
    [...Array(2)].flatMap(() => ['http_error', 'http_error', 'http_error', 'ok']),
  )
  expect(found.map(({ http_status }) => http_status)).toEqual(Array(8).fill(200))
  expect(found[0]?.error).toContain('the engine met a fault')
  expect(found[1]?.error).toContain('the worker is gone')
  expect(found[2]?.error).toContain('Internal error')
})

test('sse-empty-finish-cut', async (context) => {
  const { trace, rows } = await serve(context, 'sse-empty-finish-cut')
  await trace()
  const found = await rows()
  expect(found.map(({ status, finish_reason }) => [status, finish_reason])).toEqual([
    ['ok', 'stop'],
    ['truncated', null],
    ['truncated', null],
    ['ok', null],
  ])
  expect(found[3]).toMatchObject({ output_tokens: 6, token_source: 'chunks' })
})

test('sse-empty-answers', async (context) => {
  const { trace, rows, report } = await serve(context, 'sse-empty-answers')
  await trace(['--repeat', '10'])
  expect((await rows()).slice(0, 4).map(({ status, ttft_ms }) => [status, ttft_ms === null])).toEqual([
    ['ok', false],
    ['empty', true],
    ['empty', true],
    ['malformed', true],
  ])
  const found = await report()
  expect(found.answers.empty).toBe(20)
  expect(found.latency.ttft_ms).toMatchObject({ requests: 10 })
  expect(found.latency.ttft_ms?.min).toBeGreaterThan(10)
  expect(found.tokens.output_tokens).toBe(80)
})

test('sse-mistral-content-list', async (context) => {
  const { trace, rows } = await serve(context, 'sse-mistral-content-list')
  await trace()
  for (const row of await rows()) {
    expect(row).toMatchObject({ status: 'ok', token_events: 9, output_tokens: 9, output: ' It is fine .' })
    expect(row.ttft_ms).toBeGreaterThan(95)
  }
})

test('sse-openrouter-comments', async (context) => {
  const { trace, rows } = await serve(context, 'sse-openrouter-comments')
  await trace()
  const found = await rows()
  expect(found.map(({ status }) => status)).toEqual(['ok', 'ok', 'http_error', 'ok'])
  for (const i of [0, 3]) {
    expect(found[i]).toMatchObject({ output_tokens: 5, output: ' w0 w1 w2 w3 w4', note: null })
    expect(found[i]?.ttft_ms).toBeGreaterThan(995)
  }
  expect(found[1]).toMatchObject({ unread_events: 1, note: expect.stringContaining('OPENROUTER') })
})

test('sse-ping-hides-stall', async (context) => {
  const { trace, rows } = await serve(context, 'sse-ping-hides-stall')
  await trace(['--idle-timeout', '2', '--first-token-timeout', '20'])
  const found = await rows()
  expect(found.map(({ status }) => status)).toEqual(['timeout', 'ok', 'ok', 'ok'])
  expect(found[0]?.e2e_ms).toBeLessThan(15_000)
  expect(found[1]?.ttft_ms).toBeGreaterThan(4_900)
  expect(found[2]?.e2e_ms).toBeLessThan(15_000)
  expect(found[2]?.note).not.toBeNull()
})

test('sse-unicode-separators', async (context) => {
  const { trace, rows } = await serve(context, 'sse-unicode-separators')
  await trace()
  const output = 'a\u2028bc\u2029de\u0085f😀x\n\ndata: [DONE]\n\n'
  for (const row of await rows()) expect(row).toMatchObject({ status: 'ok', token_events: 6, output_tokens: 6, output })
})

test.for([
  ['', 8, null],
  ['1', 16, 16],
] as const)('sse-zero-usage-running, GEMINI=%s', async ([gemini, output, tokens], context) => {
  const { trace, rows } = await serve(context, 'sse-zero-usage-running', { GEMINI: gemini })
  await trace(['--repeat', '2'])
  for (const [i, row] of (await rows()).entries()) {
    expect(row).toMatchObject({
      status: 'ok',
      input_tokens: 11,
      output_tokens: output,
      token_source: 'usage',
      token_events: 8,
    })
    expect(row.tokens).toBe(i % 2 === 0 ? tokens : null)
    // The finish event comes 300 ms after the last word, and is none.
    expect(row.span_ms).toBeGreaterThan(270)
  }
})

test.for([
  ['16', 'bursts'],
  ['64', 'network'],
] as const)('sse-bursts-16k, BURST=%s', async ([size, what], context) => {
  const { run, report } = await serve(context, 'sse-bursts-16k', { BURST: size })
  await run(['load', '--requests', '16', '--concurrency', '8', '--output-tokens', '64'])
  const { verdict, offered } = await report()
  expect(offered.ok).toBe(16)
  expect(verdict.find((line) => line.what === what)?.level).toBe('bad')
})

test('http-retry-after-negative', async (context) => {
  const log = join(tempFolder(), 'attempts.jsonl')
  const { run, rows } = await serve(context, 'http-retry-after-negative', { MOCK_LOG: log })
  await run(['load', '--requests', '7', '--concurrency', '1', '--retries', '3', '--output-tokens', '8'])
  expect((await rows()).map(({ status, retries }) => [status, retries])).toEqual(Array(7).fill(['ok', 2]))
  const times = new Map<string, number[]>()
  for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
    const { t, id, method } = JSON.parse(line)
    if (method === 'POST' && id !== null) times.set(id, [...(times.get(id) ?? []), t])
  }
  ;[...times.values()].forEach(([a = 0, b = 0, c = 0], i) => {
    const [header, waits] = RETRY_AFTERS[i]!
    expect(b - a, `${header}`).toBeGreaterThanOrEqual(waits[0]![0] - 0.005)
    expect(c - b, `${header}`).toBeGreaterThanOrEqual(waits[1]![0] - 0.005)
  })
})

test('http-models-null', async (context) => {
  const without = await serve(context, 'http-models-null')
  const { code, stderr } = await without.trace()
  expect(code).toBe(2)
  expect(stderr).toMatch(/--model/)
  for (const models of ['', 'missing', 'empty']) {
    const { trace, rows } = await serve(context, 'http-models-null', models === '' ? {} : { MODELS: models })
    await trace(['--model', 'mock'])
    expect((await rows()).map(({ status, output_tokens }) => [status, output_tokens])).toEqual(Array(4).fill(['ok', 8]))
  }
})
