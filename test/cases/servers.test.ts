import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Report } from '../../src/analysis/report.ts'
import { chooseModel } from '../../src/session/model-choice.ts'
import { probeServer } from '../../src/sources/requests/probe.ts'
import { resolveTarget } from '../../src/sources/requests/target.ts'
import { layerline, sqlRows } from '../support/cli.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { type Answer, goodAnswer, type Reply, startCaseServer } from './case-server.ts'
import { bursts, busyTwice, empties, RETRY_AFTERS } from './servers.ts'

async function serve(answer: Answer, models?: (reply: Reply) => void) {
  const server = await startCaseServer(answer, models)
  onTestFinished(() => server.stop())
  const folder = tempFolder()
  writeFileSync(
    join(folder, 'p.csv'),
    'prompt,max_tokens\nName a colour.,16\nName a river.,16\nName a tool.,16\nName a bird.,16\n',
  )
  const run = (args: readonly string[]) => layerline(folder, [...args, '--url', server.url, '--out', 'run', '--quiet'])
  const report = async (more: readonly string[] = []): Promise<Report> =>
    JSON.parse((await layerline(folder, ['report', 'run', '--json', ...more])).stdout) as Report
  return { server, folder, run, report }
}

const lineOf = (report: Report, what: string) => report.verdict.find((line) => line.what === what)

test('answers without a token are in no latency, count as not met, and the verdict says how many', async () => {
  const { run, folder, report } = await serve(empties)
  expect(await run(['trace', '--prompts', 'p.csv', '--repeat', '3'])).toMatchObject({ code: 0 })
  const statuses = await sqlRows(folder, 'run', 'SELECT status, count(*)::INT AS n FROM requests GROUP BY 1 ORDER BY 1')
  expect(statuses).toEqual([
    { status: 'empty', n: 6 },
    { status: 'malformed', n: 3 },
    { status: 'ok', n: 3 },
  ])
  const found = await report(['--slo', 'ttft=10s'])
  expect(found.offered).toMatchObject({ requests: 12, ok: 3 })
  expect(found.answers).toMatchObject({ empty: 6, errors_under_200: 0, unread_events: 0 })
  expect(found.latency.ttft_ms).toMatchObject({ requests: 3 })
  expect(found.latency.ttft_ms?.min).toBeGreaterThan(10)
  expect(found.latency.e2e_ms).toMatchObject({ requests: 3 })
  expect(found.tokens.output_tokens).toBe(24)
  expect(found.slo).toMatchObject({ offered: 12, met: 3 })
  expect(lineOf(found, 'empty')).toMatchObject({ level: 'bad', text: expect.stringContaining('6 answers') })
})

test.each([
  [16, 'bursts', 16],
  [64, 'network', 64],
])(
  'streams that come in bursts of %i: the verdict says so, and recommends no figure that is wrong too',
  async (size, what) => {
    const { run, report } = await serve(bursts(size))
    const { code } = await run(['load', '--requests', '8', '--concurrency', '4', '--output-tokens', '64'])
    expect(code).toBe(0)
    const found = await report()
    expect(found.offered.ok).toBe(8)
    expect(lineOf(found, what)?.level).toBe('bad')
    expect(lineOf(found, 'coalesced')?.text ?? '').not.toMatch(/itl_amortized spreads/)
    expect(found.stream.burst_share).toBeGreaterThan(0.5)
    if (size === 16) {
      expect(found.stream.burst_events).toBeGreaterThan(8)
      expect(found.stream.burst_every_ms).toBeGreaterThan(150)
      expect(lineOf(found, 'coalesced')).toBeUndefined()
    } else expect(found.stream.buffered_share).toBeGreaterThan(0.5)
  },
)

test('Retry-After by its grammar: valid values are waited for, others are as if they were not there', async () => {
  const { run, server, folder } = await serve(busyTwice())
  const { code } = await run([
    'load',
    '--requests',
    '7',
    '--concurrency',
    '1',
    '--retries',
    '3',
    '--output-tokens',
    '8',
  ])
  expect(code).toBe(0)
  const rows = await sqlRows(folder, 'run', 'SELECT status, retries FROM requests ORDER BY sent_ns')
  expect(rows).toEqual(Array.from({ length: 7 }, () => ({ status: 'ok', retries: 2 })))
  const times = new Map<string, number[]>()
  for (const { method, headers, atMs } of server.asked) {
    const id = headers.get('x-request-id')
    if (method === 'POST' && id !== undefined) times.set(id, [...(times.get(id) ?? []), atMs])
  }
  const waits = [...times.values()].map(([a = 0, b = 0, c = 0]) => [(b - a) / 1000, (c - b) / 1000])
  waits.forEach((each, i) => {
    const [header, right] = RETRY_AFTERS[i]!
    each.forEach((seconds, j) => {
      // A busy machine may wait longer; never shorter.
      expect(seconds, `${header}, wait ${j}`).toBeGreaterThanOrEqual(right[j]![0] - 0.005)
    })
  })
  expect(Math.min(...waits[3]!, ...waits[4]!)).toBeLessThan(0.4)
})

describe('a list of models is an optional fact where a model is named', () => {
  const LISTS: [what: string, models: (reply: Reply) => void][] = [
    ['null (Ollama without a model)', (reply) => reply.json({ object: 'list', data: null })],
    ['absent', (reply) => reply.json({ object: 'list' })],
    ['empty', (reply) => reply.json({ object: 'list', data: [] })],
    ['a bare empty list', (reply) => reply.json([])],
    ['odd entries alone', (reply) => reply.json({ data: [null, 7, {}, { id: 3 }] })],
    ['405', (reply) => reply.json({ detail: 'Method Not Allowed' }, 405)],
    ['403', (reply) => reply.json({ error: { message: 'missing scope' } }, 403)],
    ['500', (reply) => reply.text('oops', 500)],
    ['a page', (reply) => reply.text('<html></html>', 200, 'text/html')],
    ['no byte', (reply) => reply.text('', 200, 'application/json')],
  ]
  const probe = async (models: (reply: Reply) => void, model?: string) => {
    const server = await startCaseServer(() => {}, models)
    onTestFinished(() => server.stop())
    return probeServer(resolveTarget({ url: server.url }), model)
  }

  test.each(LISTS)('%s: taken with --model and told; without it an input error', async (_, models) => {
    const server = await probe(models, 'vendor/mock:free')
    expect(server).toMatchObject({ notes: [expect.stringContaining('/v1/models')] })
    expect(chooseModel(server, 'vendor/mock:free', resolveTarget({ url: 'http://127.0.0.1:1' }))).toBe(
      'vendor/mock:free',
    )
    await expect(probe(models)).rejects.toMatchObject({ name: 'LayerlineError', hint: expect.any(String) })
  })

  test.each([
    ['401', (reply: Reply) => reply.json({ error: { message: 'no key' } }, 401), 2],
    ['503', (reply: Reply) => reply.json({ error: { message: 'Loading model' } }, 503), 3],
    ['302', (reply: Reply) => reply.text('', 302, 'text/html', ['Location: http://x/']), 2],
  ])('%s says that requests would fail too', async (_, models, exitCode) => {
    await expect(probe(models, 'mock')).rejects.toMatchObject({ exitCode })
  })

  test('what can be read is read: odd entries and lengths are passed over and told', async () => {
    const data = [null, { id: 7 }, { id: 'mock', max_model_len: 0, owned_by: 'mock' }]
    const server = await probe((reply) => reply.json({ data }))
    expect(server).toMatchObject({ models: [{ id: 'mock', max_model_len: null }], notes: { length: 2 } })
    // Other servers may exist.
    const other = await probe((reply) => reply.json({ data }), 'other')
    expect(other.models.map(({ id }) => id)).toEqual(['mock', 'other'])
  })

  test.each<[string, unknown, number | null]>([
    ['names alone', ['mock'], null],
    ['a bare list', [{ id: 'mock' }], null],
    ['another key', { models: [{ name: 'mock' }] }, null],
    ['a length as a text', { data: [{ id: 'mock', max_model_len: '4096' }] }, 4096],
    ["OpenRouter's length", { data: [{ id: 'mock', context_length: 8192 }] }, 8192],
    ["llama.cpp's length", { data: [{ id: 'mock', meta: { n_ctx_train: 2048 } }] }, 2048],
  ])('%s', async (_, list, length) => {
    const server = await probe((reply) => reply.json(list))
    expect(server).toMatchObject({ models: [{ id: 'mock', max_model_len: length }] })
    expect(server.notes).toBeUndefined()
  })

  test('with the command: no run without a model, one with it', async () => {
    const { run, folder } = await serve(
      (_, reply) => goodAnswer(reply),
      (reply) => reply.json({ object: 'list', data: null }),
    )
    const without = await run(['trace', '--prompts', 'p.csv'])
    expect(without.code).toBe(2)
    expect(without.stderr).toMatch(/--model/)
    expect(existsSync(join(folder, 'run'))).toBe(false)
    expect((await run(['trace', '--prompts', 'p.csv', '--model', 'mock'])).code).toBe(0)
    const rows = await sqlRows(folder, 'run', 'SELECT status, output_tokens FROM requests')
    expect(rows).toEqual(Array.from({ length: 4 }, () => ({ status: 'ok', output_tokens: 8 })))
    const { config } = JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8'))
    expect(config.server_notes).toEqual([expect.stringContaining('/v1/models')])
  })
})
