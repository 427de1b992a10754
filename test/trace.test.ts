import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { describe, expect, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import type { RunJson } from '../src/trace/run-json.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { useRealEngine } from './support/real-engine.ts'
import { sharedData } from './support/shared-cases.ts'
import { tempFolder } from './support/temp-folder.ts'

const engine = useRealEngine({ sequences: 3, contextTokens: 1024 })

const CSV = `size,topic,prompt
16,sea,"Describe the sea,
in ""one"" sentence."
16,clock,What does a clock measure?
32,bread,"How is bread made? Be brief, please."
`
const TOTALS = 'SELECT sum(input_tokens)::DOUBLE AS input, sum(output_tokens)::DOUBLE AS output FROM requests'

/** A folder with the prompts in it, and `trace` over them into `run`. */
function traceIn(folder: string, more: readonly string[] = [], prompts = CSV, name = 'prompts.csv') {
  writeFileSync(join(folder, name), prompts)
  return layerline(folder, [
    'trace',
    '--prompts',
    name,
    '--url',
    engine.url,
    '--max-tokens',
    '12',
    '--out',
    'run',
    ...more,
  ])
}

const runJson = (folder: string) => JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8')) as RunJson

/** Times of a request never run backwards; its chunks are whole, in order and within it. */
async function expectConsistent(folder: string, run: string): Promise<void> {
  const disordered = await sqlRows(
    folder,
    run,
    `SELECT request_id FROM requests WHERE status = 'ok' AND NOT coalesce(scheduled_ns <= sent_ns AND sent_ns <= headers_ns
      AND headers_ns <= first_token_ns AND first_token_ns <= last_token_ns AND last_token_ns <= end_ns
      AND (conn_reused OR (connect_start_ns <= connected_ns AND connected_ns <= sent_ns)), false)`,
  )
  expect(disordered).toEqual([])
  const uneven = await sqlRows(
    folder,
    run,
    `SELECT request_id, output_tokens, n, first, last FROM requests r LEFT JOIN (
      SELECT request_id, sum(tokens) AS n, min("index") AS first, max("index") + 1 = count(*) AS last,
        min(t_ns) AS t0, max(t_ns) AS t1 FROM chunks GROUP BY request_id) c USING (request_id)
    WHERE NOT coalesce(n = output_tokens AND first = 0 AND last AND t0 >= headers_ns AND t1 <= end_ns, false)`,
  )
  expect(uneven).toEqual([])
}

describe('trace', () => {
  test('counts every token that the engine counted, and says so everywhere', async () => {
    const folder = tempFolder()
    const before = await engine.tokens()
    const { code, stdout, stderr } = await traceIn(folder)
    const after = await engine.tokens()
    expect(code, stderr).toBe(0)
    const grown = { input: after.input - before.input, output: after.output - before.output }
    expect(grown.output).toBeGreaterThan(3)

    // As the original printed it: id=0 size=64 lat=0.753s len=7
    const lines = stdout.split('\n').filter((line) => line.startsWith('id='))
    expect(lines.map((line) => /^id=(\w+) size=(\d+) lat=\d+\.\d{3}s len=\d+$/.exec(line)?.slice(1))).toEqual([
      ['sea', '16'],
      ['clock', '16'],
      ['bread', '32'],
    ])
    const lens = lines.map((line) => Number(/len=(\d+)/.exec(line)?.[1]))
    expect(lens.reduce((sum, len) => sum + len)).toBe(grown.output)

    expect(await sqlRows(folder, 'run', TOTALS)).toEqual([grown])
    const report = JSON.parse((await layerline(folder, ['report', 'run', '--json'])).stdout) as Report
    expect(report.tokens).toMatchObject({ requests: 3, input_tokens: grown.input, output_tokens: grown.output })
    expect(report.tokens.by_source).toMatchObject([{ token_source: 'usage', requests: 3 }])
    expect(report.requests.map(({ output_tokens }) => output_tokens)).toEqual(lens)
    await expectConsistent(folder, 'run')

    const run = runJson(folder)
    expect(run).toMatchObject({ state: 'sealed', command: 'trace', sampling: { temperature: 0.8 } })
    expect(run.verdict.length).toBeGreaterThan(0)
    expect(run.engine).toMatchObject({ server: 'layerline', model: engine.model, same_host: true, pid: engine.pid })
    expect(readdirSync(join(folder, 'run')).filter((name) => /live|sock|tmp/.test(name))).toEqual([])
    expect(await sqlRows(folder, 'run', 'FROM texts')).toEqual([])
    const [first] = await sqlRows(folder, 'run', 'SELECT prompt_id, size, attrs FROM requests WHERE request_id = 0')
    expect(first).toEqual({ prompt_id: 'sea', size: 16, attrs: null })
  })

  test('over the shared decode prompts', async (context) => {
    const prompts = sharedData(context, 'prompts/for_tracing_decode.csv')
    const folder = tempFolder()
    const before = await engine.tokens()
    const given = ['--prompts', prompts, '--url', engine.url, '--sizes', '64,128,256,512', '--max-tokens', '128']
    const { code, stdout, stderr } = await layerline(folder, ['trace', ...given, '--out', 'run'])
    expect(code, stderr).toBe(0)
    const after = await engine.tokens()
    const grown = { input: after.input - before.input, output: after.output - before.output }
    expect(stdout.match(/^id=\d+ size=\d+ lat=\d+\.\d{3}s len=\d+$/gm)?.map((line) => line.split(' ', 2))).toEqual([
      ['id=0', 'size=64'],
      ['id=1', 'size=128'],
      ['id=2', 'size=256'],
      ['id=3', 'size=512'],
    ])
    expect(await sqlRows(folder, 'run', TOTALS)).toEqual([grown])
    const report = JSON.parse((await layerline(folder, ['report', 'run', '--json'])).stdout) as Report
    expect(report.tokens).toMatchObject({ requests: 4, input_tokens: grown.input, output_tokens: grown.output })
    expect(report.throughput.map(({ size }) => size)).toEqual([64, 128, 256, 512])
    const text = (await layerline(folder, ['report', 'run'])).stdout
    expect(text).toMatch(/verdict[\s\S]*offered and done[\s\S]*latency[\s\S]*tokens/)
    expect(runJson(folder).state).toBe('sealed')
    await expectConsistent(folder, 'run')
  })

  test('warm-up is kept and left out, passes are numbered, three go at once', async () => {
    const folder = tempFolder()
    const before = await engine.tokens()
    const options = ['--warmup', '2', '--repeat', '2', '--concurrency', '3', '--max-tokens', '8', '--json']
    const { code, stdout, stderr } = await traceIn(folder, options)
    expect(code, stderr).toBe(0)
    const after = await engine.tokens()

    const rows = await sqlRows(folder, 'run', 'SELECT request_id, prompt_id, phase, repeat FROM requests ORDER BY 1')
    expect(rows).toEqual(
      [
        ['sea', 'warmup', 0],
        ['clock', 'warmup', 0],
        ...[0, 1].flatMap((repeat) => ['sea', 'clock', 'bread'].map((id) => [id, 'measured', repeat])),
      ].map(([prompt_id, phase, repeat], request_id) => ({ request_id, prompt_id, phase, repeat })),
    )
    // With --json, standard output is JSON and nothing else.
    const report = JSON.parse(stdout) as Report
    expect(stderr).toMatch(/^id=sea size=16 lat=\d+\.\d{3}s len=\d+ \(warm-up\)$/m)
    expect(report.offered).toMatchObject({ requests: 6, ok: 6, warmup: 2, concurrency: { max: 3 } })
    expect(report.offered.by_repeat).toMatchObject([
      { repeat: 0, requests: 3, ok: 3 },
      { repeat: 1, requests: 3, ok: 3 },
    ])
    expect(report.tokens.requests).toBe(6)
    const [all] = await sqlRows(folder, 'run', TOTALS)
    expect(all).toEqual({ input: after.input - before.input, output: after.output - before.output })
    const [measured] = await sqlRows(folder, 'run', `${TOTALS} WHERE phase = 'measured'`)
    expect(report.tokens).toMatchObject({ input_tokens: measured?.input, output_tokens: measured?.output })
    expect(measured?.output).toBeLessThan(all?.output as number)
    const [order] = await sqlRows(
      folder,
      'run',
      `SELECT max(end_ns) FILTER (phase = 'warmup') <= min(sent_ns) FILTER (phase = 'measured') AS apart FROM requests`,
    )
    expect(order).toEqual({ apart: true })
    await expectConsistent(folder, 'run')
  })

  test('--json --quiet prints the report alone', async () => {
    const folder = tempFolder()
    const { code, stdout, stderr } = await traceIn(folder, ['--json', '--quiet'])
    expect(code).toBe(0)
    expect((JSON.parse(stdout) as Report).offered.ok).toBe(3)
    expect(stderr).toBe('')
  })

  test('--quiet prints where the run is', async () => {
    const folder = tempFolder()
    const { stdout, stderr } = await traceIn(folder, ['--quiet'])
    expect({ stdout, stderr }).toEqual({ stdout: `${join(folder, 'run')}\n`, stderr: '' })
  })

  test('--texts keeps prompts and outputs; the same seed says the same', async () => {
    const said: unknown[] = []
    for (const seed of ['5', '5', '6']) {
      const folder = tempFolder()
      // The warm-up leaves the engine's prefix cache in the same state each time.
      const { code, stderr } = await traceIn(folder, ['--texts', '--seed', seed, '--warmup', '3', '--max-tokens', '24'])
      expect(code, stderr).toBe(0)
      const texts = await sqlRows(
        folder,
        'run',
        `SELECT prompt_id, prompt, output FROM texts JOIN requests USING (request_id) WHERE phase = 'measured' ORDER BY request_id`,
      )
      expect(texts.map(({ prompt }) => prompt)).toEqual([
        'Describe the sea,\nin "one" sentence.',
        'What does a clock measure?',
        'How is bread made? Be brief, please.',
      ])
      for (const { output } of texts) expect(output).toMatch(/\w/)
      expect(runJson(folder).seed).toBe(Number(seed))
      said.push(texts.map(({ output }) => output))
    }
    expect(said[1]).toEqual(said[0])
    expect(said[2]).not.toEqual(said[0])
  })

  test('--no-stream: whole answers, the same count, no first token', async () => {
    const folder = tempFolder()
    const before = await engine.tokens()
    const { code, stderr } = await traceIn(folder, ['--no-stream', '--texts'])
    expect(code, stderr).toBe(0)
    const after = await engine.tokens()
    expect(await sqlRows(folder, 'run', TOTALS)).toEqual([
      { input: after.input - before.input, output: after.output - before.output },
    ])
    const [row] = await sqlRows(
      folder,
      'run',
      `SELECT count(*) AS n, count(first_token_ns) AS firsts, count(headers_ns) AS headers, bool_and(sent_ns <= headers_ns AND headers_ns <= end_ns) AS ordered,
        (SELECT count(*) FROM texts WHERE output <> '') AS texts FROM requests WHERE status = 'ok'`,
    )
    expect(row).toEqual({ n: 3, firsts: 0, headers: 3, ordered: true, texts: 3 })
  })

  test('texts and token ids of the same prompts are one thing; so are a base and a full endpoint', async () => {
    const prompts = ['The sea is', 'A clock measures']
    const ids = await Promise.all(prompts.map((prompt) => engine.tokenize(prompt)))
    const asText = prompts.map((prompt) => JSON.stringify({ prompt })).join('\n')
    const asIds = ids.map((prompt) => JSON.stringify({ prompt })).join('\n')
    const found: unknown[] = []
    for (const [lines, options] of [
      [asText, ['--endpoint', 'completions']],
      [asText, ['--url', `${engine.url}/completions`]],
      [asIds, []],
    ] as const) {
      const folder = tempFolder()
      const given = ['--texts', '--temperature', '0', '--warmup', '2', ...options]
      const { code, stderr } = await traceIn(folder, given, `${lines}\n`, 'prompts.jsonl')
      expect(code, stderr).toBe(0)
      const rows = await sqlRows(
        folder,
        'run',
        `SELECT endpoint, prompt_id, input_tokens, output_tokens, output FROM requests JOIN texts USING (request_id)
          WHERE phase = 'measured' ORDER BY request_id`,
      )
      expect(rows.map(({ input_tokens }) => input_tokens)).toEqual(ids.map(({ length }) => length))
      expect(rows[0]).toMatchObject({ endpoint: '/v1/completions', prompt_id: '0' })
      found.push(rows)
    }
    expect(found[1]).toEqual(found[0])
    expect(found[2]).toEqual(found[0])
  })

  test('JSONL with messages, ids, sizes and limits of their own', async () => {
    const folder = tempFolder()
    const rows = [
      { id: 'short', size: 4, messages: [{ role: 'user', content: 'Count to ten.' }], max_tokens: 4, colour: 'red' },
      { id: 'long', size: 9, prompt: 'Count to twenty.', max_tokens: 9 },
    ]
    writeFileSync(join(folder, 'p.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const given = ['trace', '--prompts', 'p.jsonl', '--url', engine.url, '--out', 'run', '--texts']
    const { code, stderr } = await layerline(folder, given)
    expect(code, stderr).toBe(0)
    const [short, long] = await sqlRows(
      folder,
      'run',
      'FROM requests JOIN texts USING (request_id) ORDER BY request_id',
    )
    expect(short).toMatchObject({ prompt_id: 'short', size: 4, requested_tokens: 4, endpoint: '/v1/chat/completions' })
    expect(JSON.parse(short?.attrs as string)).toEqual({ colour: 'red' })
    expect(JSON.parse(short?.prompt as string)).toEqual(rows[0]?.messages)
    expect(long).toMatchObject({ prompt_id: 'long', size: 9, requested_tokens: 9, prompt: 'Count to twenty.' })
    expect(long?.output_tokens).toBeLessThanOrEqual(9)
  })

  test('the machine, the engine and the client stand beside the requests', async () => {
    const folder = tempFolder()
    const { code, stderr } = await traceIn(folder, ['--max-tokens', '48', '--repeat', '2', '--sample-ms', '50'])
    expect(code, stderr).toBe(0)
    const rows = await sqlRows(
      folder,
      'run',
      `SELECT layer, t.name, t.unit, t.process, json_extract_string(t.attrs, '$.role') AS role, count(*) AS n, max(value) AS max, avg(value) AS mean
        FROM counters c JOIN tracks t USING (track_id) GROUP BY ALL`,
    )
    const track = (role: string, name: string) => rows.find((row) => row.role === role && row.name === name)
    for (const [role, pid] of [
      ['engine', String(engine.pid)],
      ['client', '\\d+'],
    ] as const) {
      const rss = track(role, 'rss_bytes')
      expect(rss, role).toMatchObject({ layer: 'host', unit: 'bytes' })
      expect(rss?.process).toMatch(new RegExp(`^${pid} `))
      expect(rss?.n).toBeGreaterThan(3)
      expect(rss?.max).toBeGreaterThan(30e6)
      expect(rss?.max).toBeLessThan(8e9)
    }
    // A model of 98 MB is in the engine's memory, and it computed all the time.
    expect(track('engine', 'rss_bytes')?.max).toBeGreaterThan(98e6)
    expect(track('engine', 'cpu_cores')?.mean).toBeGreaterThan(0.05)
    expect(track('client', 'event_loop_delay_p99_ns')).toMatchObject({ layer: 'client', unit: 'ns' })
    expect(track('machine', 'memory_available_bytes')?.max).toBeGreaterThan(1e8)
    expect(track('machine', 'cpu_busy_ratio')?.max).toBeLessThanOrEqual(1)
  })

  test('export --to parquet holds what sql shows', async () => {
    const folder = tempFolder()
    expect((await traceIn(folder, ['--texts'])).code).toBe(0)
    const { code, stdout, stderr } = await layerline(folder, ['export', 'run', '--to', 'parquet', '--out', 'tables'])
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/^ +3 rows {2}tables\/requests\.parquet$/m)
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    try {
      for (const [table, order] of [
        ['requests', 'request_id'],
        ['chunks', 'request_id, "index"'],
        ['texts', 'request_id'],
        ['tracks', 'track_id'],
        ['clocks', 't_ns'],
      ]) {
        const path = join(folder, 'tables', `${table}.parquet`)
        const read = await connection.runAndReadAll(`SELECT * FROM '${path}' ORDER BY ${order}`)
        const shown = await sqlRows(folder, 'run', `SELECT * FROM ${table} ORDER BY ${order}`)
        expect(shown.length).toBeGreaterThan(0)
        expect(read.getRowObjectsJson().map(withNumbers), table).toEqual(shown.map(withNumbers))
      }
    } finally {
      connection.closeSync()
      instance.closeSync()
    }
    const again = await layerline(folder, ['export', 'run', '--to', 'parquet', '--out', 'tables'])
    expect(again.code).toBe(2)
    expect(again.stderr).toContain('tables')
  })
})

/** DuckDB's own JSON has some numbers as text. */
function withNumbers(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value,
    ]),
  )
}
