import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type DefinedFigures,
  type DefinitionsName,
  definedFigures,
} from '../src/analysis/definitions/defined-figures.ts'
import { LayerlineError } from '../src/base/errors.ts'
import { EXPORTS } from '../src/exports/registry.ts'
import { importRun, PLAIN } from '../src/imports/import-run.ts'
import { openRun } from '../src/store/read/open-run.ts'
import type { SqlRow } from '../src/store/read/run-reader.ts'
import { CHECKOUT, layerline } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

const FIXTURES = join(CHECKOUT, 'test', 'fixtures', 'load-tools')
const VLLM = join(FIXTURES, 'vllm-bench-serve-0.32.json')
const AIPERF = join(FIXTURES, 'aiperf-0.13-profile_export.jsonl')
const GUIDELLM = join(FIXTURES, 'guidellm-0.8.1.json')

const jsonOf = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

async function imported(path: string) {
  const { folder, format, run } = await importRun(path, join(tempFolder(), 'run'))
  return { folder, format, run }
}

async function asked<T>(folder: string, ask: (reader: Awaited<ReturnType<typeof openRun>>) => Promise<T>): Promise<T> {
  const reader = await openRun(folder)
  try {
    return await ask(reader)
  } finally {
    await reader.close()
  }
}

const rowsOf = (folder: string, sql: string): Promise<SqlRow[]> => asked(folder, (reader) => reader.query(sql))
const figuresOf = (folder: string, name: DefinitionsName): Promise<DefinedFigures> =>
  asked(folder, (reader) => definedFigures(reader, name))

const near = (found: number | null | undefined, expected: number, relative = 1e-9) =>
  expect(Math.abs((found ?? Number.NaN) - expected)).toBeLessThanOrEqual(relative * Math.abs(expected))

/** A text written to a file, for an import that should fail; the run's folder must not stay. */
async function failure(name: string, text: string, strict = false): Promise<LayerlineError> {
  const folder = tempFolder()
  writeFileSync(join(folder, name), text)
  const out = join(folder, 'run')
  const error = await importRun(join(folder, name), out, { ...PLAIN, strict }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(LayerlineError)
  expect(existsSync(out)).toBe(false)
  return error as LayerlineError
}

describe('results of vllm bench serve', () => {
  test('become requests and events, and its own figures come out again', async () => {
    const file = jsonOf(VLLM)
    const { folder, format, run } = await imported(VLLM)
    expect(format).toBe('vllm-bench')
    expect(run).toMatchObject({
      planned_requests: 20,
      loop: 'open',
      config: { model: 'paced', max_concurrency: 4, rate: 20 },
    })
    const { distributions, rates } = await figuresOf(folder, 'vllm')
    for (const name of ['ttft_ms', 'tpot_ms', 'itl_ms']) {
      const found = distributions.find((d) => d.name === name)
      near(found?.mean, file[`mean_${name}`])
      near(found?.std, file[`std_${name}`])
      near(found?.p50, file[`median_${name}`])
      near(found?.p99, file[`p99_${name}`])
    }
    // Its watch runs from before the first request to after the last answer was gathered.
    for (const { name, value } of rates) near(value, file[name], 0.05)
    const requests = await rowsOf(folder, 'SELECT * FROM requests ORDER BY request_id')
    expect(requests.map((r) => r.status)).toEqual(
      file.errors.map((error: string) => (error === '' ? 'ok' : error.startsWith('Service') ? 'http_error' : 'reset')),
    )
    expect(requests.filter((r) => r.status === 'ok').length).toBe(file.completed)
    expect(requests.find((r) => r.status === 'http_error')).toMatchObject({
      http_status: 503,
      first_token_ns: null,
      end_ns: null,
    })
    expect(requests.find((r) => r.status === 'reset')?.error).toMatch(/^aiohttp\.client_exceptions\.ClientPayloadError/)
    const events = await rowsOf(
      folder,
      'SELECT request_id, count(*) AS n FROM chunks GROUP BY request_id ORDER BY request_id',
    )
    expect(events.map(({ n }) => n)).toEqual(
      file.itls.flatMap((gaps: number[]) => (gaps.length === 0 ? [] : [gaps.length + 1])),
    )
    requests.forEach((row, i) => {
      near(Number(row.sent_ns) - Number(row.scheduled_ns), file.queue_times[i] * 1e9, 1e-6)
      if (row.status === 'ok') near(Number(row.max_gap_ns), Math.max(...file.itls[i]) * 1e9, 1e-6)
    })
    expect(run.verdict.map(({ what }) => what)).toEqual(['times', 'events'])
  })

  test('written again they are the same', async () => {
    const file = jsonOf(VLLM)
    const { folder } = await imported(VLLM)
    const out = join(tempFolder(), 'again.json')
    await EXPORTS['vllm-bench'].write(folder, out)
    const again = jsonOf(out)
    expect(Object.keys(again).filter((key) => !key.endsWith('_e2el_ms'))).toEqual(Object.keys(file))
    // What the run does not hold: the absolute clock, the texts, a traceback but for its last line, the tool's own watch.
    const start = Math.min(...file.start_times)
    const same = {
      ...file,
      date: again.date,
      duration: again.duration,
      request_throughput: file.completed / again.duration,
      output_throughput: file.total_output_tokens / again.duration,
      total_token_throughput: (file.total_input_tokens + file.total_output_tokens) / again.duration,
      start_times: file.start_times.map((at: number) => at - start),
      generated_texts: file.generated_texts.map(() => ''),
      errors: file.errors.map((error: string) => error.trim().split('\n').at(-1)),
    }
    for (const [key, value] of Object.entries(same)) expectClose(again[key], value, key)
  })

  test.each<[string, (file: Record<string, unknown>) => unknown, string, RegExp]>([
    ['a summary only', ({ itls: _, ttfts: __, ...rest }) => rest, 'input/import-summary', /no ttfts, itls: a summary/],
    [
      'arrays of different lengths',
      (f) => ({ ...f, ttfts: [0.1] }),
      'input/import-value',
      /ttfts has 1 values; expected 20/,
    ],
    [
      'a text for a number',
      (f) => ({ ...f, ttfts: (f.ttfts as number[]).map(() => 'x') }),
      'input/import-value',
      /:1: ttfts\.0/,
    ],
    [
      'a negative gap',
      (f) => ({ ...f, itls: (f.itls as number[][]).map(() => [-1]) }),
      'input/import-value',
      /itls\.0\.0/,
    ],
    [
      'too many tokens',
      (f) => ({ ...f, output_lens: (f.output_lens as number[]).map(() => 2 ** 40) }),
      'input/import-value',
      /output_lens\.0/,
    ],
    [
      'no request',
      (f) => ({
        ...f,
        ...Object.fromEntries(
          Object.entries(f)
            .filter(([, v]) => Array.isArray(v))
            .map(([k]) => [k, []]),
        ),
      }),
      'input/import-empty',
      /no request in it/,
    ],
  ])('%s is refused, with the place', async (_, change, code, words) => {
    const error = await failure('result.json', JSON.stringify(change(jsonOf(VLLM))))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(words)
  })

  test('two results in one file, and a file that was cut off, are refused', async () => {
    const text = readFileSync(VLLM, 'utf8')
    expect((await failure('two.json', `${text}\n${text}`)).message).toMatch(/two\.json:1: not JSON/)
    expect((await failure('cut.json', text.slice(0, 5000))).hint).toMatch(/cut off/)
  })
})

describe('results of AIPerf', () => {
  test('become requests and events, and its own figures come out again', async () => {
    const summary = jsonOf(join(FIXTURES, 'aiperf-0.13-profile_export_aiperf.json'))
    const { folder, format, run } = await imported(AIPERF)
    expect(format).toBe('aiperf')
    const { distributions, rates } = await figuresOf(folder, 'aiperf')
    for (const found of distributions) {
      const file = summary[found.name]
      expect(found.n).toBe(file.count)
      near(found.mean, file.avg)
      near(found.std, file.std)
      near(found.p50, file.p50)
      near(found.p90, file.p90)
      near(found.p99, file.p99)
    }
    // Unix ns in doubles, as the tool sums them: a step is 256 ns.
    near(rates.find(({ name }) => name === 'benchmark_duration')?.value, summary.benchmark_duration.avg, 2e-6)
    const lines = readFileSync(AIPERF, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const requests = await rowsOf(folder, 'SELECT * FROM requests ORDER BY request_id')
    expect(requests.length).toBe(lines.length)
    expect(requests.filter((r) => r.status === 'ok').length).toBe(summary.request_count.avg)
    expect(requests.filter((r) => r.status === 'reset').length).toBe(summary.error_request_count.avg)
    requests.forEach((row, i) => {
      const { metadata, metrics } = lines[i]
      // The file's ns do not fit a double; seconds apart they differ by no more than what JSON.parse lost here.
      const start = Number(BigInt(run.epoch_ns)) + Number(row.sent_ns)
      expect(Math.abs(start - metadata.request_start_ns)).toBeLessThan(1000)
      expect(row).toMatchObject({ session_id: metadata.conversation_id, turn: metadata.turn_index, phase: 'measured' })
      if (row.status !== 'ok') return
      expect(row).toMatchObject({
        input_tokens: 8,
        output_tokens: 12,
        token_source: 'usage',
        rx_bytes: metrics.http_req_data_received.value * 1024,
      })
      near(Number(row.first_token_ns) - Number(row.sent_ns), metrics.time_to_first_token.value * 1e6)
      near(Number(row.last_token_ns) - Number(row.sent_ns), metrics.request_latency.value * 1e6)
    })
    expect(await rowsOf(folder, 'SELECT count(*) AS n FROM chunks')).toEqual([
      { n: summary.inter_chunk_latency.count + summary.request_count.avg },
    ])
  })

  test('keeps ns apart that a double does not', async () => {
    const [line = ''] = readFileSync(AIPERF, 'utf8').split('\n')
    const at = (ns: bigint) => line.replace(/"request_start_ns":\d+/, `"request_start_ns":${ns}`)
    const path = join(tempFolder(), 'profile_export.jsonl')
    writeFileSync(path, `${at(1795624844722723528n)}\n${at(1795624844722723529n)}\n`)
    const { folder } = await imported(path)
    expect(await rowsOf(folder, 'SELECT max(sent_ns) - min(sent_ns) AS d FROM requests')).toEqual([{ d: 1 }])
  })

  test('a last line that was cut off is counted as lost, any other is refused with its place', async () => {
    const lines = readFileSync(AIPERF, 'utf8').trimEnd().split('\n')
    const path = join(tempFolder(), 'profile_export.jsonl')
    writeFileSync(path, `${lines[0]}\n${lines[1]?.slice(0, 400)}`)
    const { run } = await imported(path)
    expect(run.layers.requests).toMatchObject({ rows: 1, lost: 1 })
    expect(run.verdict.map(({ what }) => what)).toContain('cut line')
    expect((await failure('p.jsonl', `${lines[0]}\n${lines[1]?.slice(0, 400)}\n${lines[2]}\n`, true)).message).toMatch(
      /p\.jsonl:2: not JSON/,
    )
    expect((await failure('p.jsonl', `${lines[0]}\n{"metadata":{}}\n`, true)).message).toMatch(
      /p\.jsonl:2: metadata\.request_start_ns/,
    )
  })
})

describe('a line that does not end', () => {
  const lines = () => readFileSync(AIPERF, 'utf8').trimEnd().split('\n')
  const long = `{"metadata":"${'x'.repeat(64 * 2 ** 20)}"}`

  test('costs its row and no other, and says its place and the bound', async () => {
    const path = join(tempFolder(), 'profile_export.jsonl')
    writeFileSync(path, [lines()[0], long, lines()[1], ''].join('\n'))
    const { run } = await imported(path)
    expect(run.layers.requests).toMatchObject({ rows: 2, lost: 1 })
    const bad = run.verdict.find(({ what }) => what === 'bad rows')
    expect(bad?.text).toMatch(/profile_export\.jsonl:2: .*64 MiB/)
  })

  test('refuses the file with --strict', async () => {
    const error = await failure('p.jsonl', [lines()[0], long].join('\n'), true)
    expect(error).toMatchObject({ code: 'input/import-line', message: expect.stringMatching(/:2: .*64 MiB/) })
  })
})

describe('results of GuideLLM', () => {
  test('become requests, and its own figures come out again', async () => {
    const [benchmark] = jsonOf(GUIDELLM).benchmarks
    const { folder, format, run } = await imported(GUIDELLM)
    expect(format).toBe('guidellm')
    expect(run).toMatchObject({ loop: 'closed', config: { model: 'paced', tool: 'GuideLLM' } })
    const { distributions, rates } = await figuresOf(folder, 'guidellm')
    const compared = distributions.filter(({ name }) => benchmark.metrics[name] !== undefined)
    expect(compared.length).toBe(5)
    for (const found of compared) {
      const { successful } = benchmark.metrics[found.name]
      // Its times are doubles of Unix seconds: a step is 0.24 µs.
      near(found.mean, successful.mean, 1e-5)
      near(found.std, successful.std_dev, 1e-4)
      near(found.p50, successful.median, 1e-5)
      near(found.p99, successful.percentiles.p99, 1e-5)
    }
    for (const { name, value } of rates) {
      if (name === 'requests_per_second') near(value, benchmark.metrics[name].successful.mean, 0.1)
    }
    const byStatus = await rowsOf(folder, 'SELECT status, count(*) AS n FROM requests GROUP BY status ORDER BY n DESC')
    expect(byStatus).toEqual([
      { status: 'ok', n: benchmark.requests.successful.length },
      { status: 'reset', n: benchmark.requests.errored.length },
    ])
    expect(await rowsOf(folder, 'SELECT * FROM chunks')).toEqual([])
    const [gaps] = await rowsOf(folder, 'SELECT count(max_gap_ns) AS n FROM requests')
    expect(gaps?.n).toBe(0)
  })

  test('several benchmarks in a file are passes of one run, and it says so', async () => {
    const file = jsonOf(GUIDELLM)
    const path = join(tempFolder(), 'report.json')
    writeFileSync(path, JSON.stringify({ ...file, benchmarks: [file.benchmarks[0], file.benchmarks[0]] }))
    const { folder, run } = await imported(path)
    expect(await rowsOf(folder, 'SELECT repeat, count(*) AS n FROM requests GROUP BY repeat ORDER BY repeat')).toEqual([
      { repeat: 0, n: 12 },
      { repeat: 1, n: 12 },
    ])
    expect(run.verdict.find(({ what }) => what === 'benchmarks')?.text).toContain(
      '2 benchmarks (concurrent, concurrent)',
    )
  })

  test('a warm-up and a cool-down are phases', async () => {
    const file = jsonOf(GUIDELLM)
    const [benchmark] = file.benchmarks
    const path = join(tempFolder(), 'report.json')
    writeFileSync(
      path,
      JSON.stringify({ ...file, benchmarks: [{ ...benchmark, warmup_duration: 0.12, cooldown_duration: 0.06 }] }),
    )
    const { folder } = await imported(path)
    const phases = await rowsOf(
      folder,
      'SELECT phase, min(end_ns) AS first_end, max(end_ns) AS last_end, min(sent_ns) AS first_sent FROM requests GROUP BY phase',
    )
    const of = (phase: string) => phases.find((row) => row.phase === phase)
    expect(of('warmup')?.last_end).toBeLessThan(0.12e9)
    expect(of('measured')?.first_end).toBeGreaterThanOrEqual(0.12e9)
    const cooling = (benchmark.end_time - benchmark.start_time - 0.06) * 1e9
    if (of('drain') !== undefined) expect(of('drain')?.first_sent).toBeGreaterThan(cooling)
  })

  test('no benchmark, and no request, are refused', async () => {
    const file = jsonOf(GUIDELLM)
    expect((await failure('r.json', JSON.stringify({ ...file, benchmarks: [] }))).message).toMatch(
      /r\.json:1: benchmarks/,
    )
    const empty = { ...file.benchmarks[0], requests: { successful: [], errored: [], incomplete: null } }
    expect((await failure('r.json', JSON.stringify({ ...file, benchmarks: [empty] }))).code).toBe('input/import-empty')
  })
})

describe('any result', () => {
  const ms = fc.integer({ min: 0, max: 1_000_000 }).map((us) => us / 1e6)
  const answer = fc.record({
    start: fc.integer({ min: 0, max: 60_000_000 }).map((us) => us / 1e6),
    ttft: fc.integer({ min: 1, max: 1_000_000 }).map((us) => us / 1e6),
    gaps: fc.array(ms, { maxLength: 20 }),
    queue: ms,
    input: fc.integer({ min: 0, max: 1e6 }),
    output: fc.integer({ min: 0, max: 1e6 }),
    fails: fc.boolean(),
  })

  test('of vllm bench serve survives an import and an export', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 8 }), async (answers) => {
        const sorted = answers.toSorted((a, b) => a.start - b.start)
        const ok = <T>(value: (a: (typeof answers)[number]) => T, otherwise: T) =>
          sorted.map((a) => (a.fails ? otherwise : value(a)))
        const file = {
          ...jsonOf(VLLM),
          num_prompts: sorted.length,
          completed: sorted.filter((a) => !a.fails).length,
          failed: sorted.filter((a) => a.fails).length,
          input_lens: sorted.map((a) => a.input),
          output_lens: ok((a) => a.output, 0),
          ttfts: ok((a) => a.ttft, 0),
          itls: ok((a) => a.gaps, []),
          latencies: ok((a) => a.ttft + a.gaps.reduce((x, y) => x + y, 0), 0),
          start_times: sorted.map((a) => a.start),
          queue_times: sorted.map((a) => a.queue),
          generated_texts: sorted.map(() => ''),
          errors: sorted.map((a) => (a.fails ? 'Bad Gateway' : '')),
        }
        const folder = tempFolder()
        writeFileSync(join(folder, 'a.json'), JSON.stringify(file))
        const { folder: run } = await importRun(join(folder, 'a.json'), join(folder, 'run'))
        await EXPORTS['vllm-bench'].write(run, join(folder, 'b.json'))
        const again = jsonOf(join(folder, 'b.json'))
        const start = sorted[0]?.start ?? 0
        for (const key of ['completed', 'failed', 'input_lens', 'output_lens', 'errors'])
          expect(again[key]).toEqual(file[key])
        for (const key of ['ttfts', 'itls', 'latencies', 'queue_times']) expectClose(again[key], file[key], key, 1e-8)
        expectClose(
          again.start_times,
          sorted.map((a) => a.start - start),
          'start_times',
          1e-8,
        )
      }),
      { numRuns: 8 },
    )
  })

  test.each([VLLM, AIPERF, GUIDELLM])(
    'damaged anywhere is a run or a named error, never half a run: %s',
    async (path) => {
      const text = readFileSync(path, 'utf8')
      const place = fc.nat({ max: text.length - 1 })
      await fc.assert(
        fc.asyncProperty(
          place,
          fc.nat({ max: 400 }),
          fc.constantFrom('', '"', '{', 'null', '-1', '1e999'),
          async (at, cut, put) => {
            const folder = tempFolder()
            const file = join(folder, 'damaged.json')
            const out = join(folder, 'run')
            writeFileSync(file, text.slice(0, at) + put + text.slice(at + cut))
            try {
              const { run } = await importRun(file, out)
              expect(run.state).toBe('sealed')
            } catch (error) {
              expect(error).toBeInstanceOf(LayerlineError)
              expect((error as LayerlineError).code).toMatch(/^input\//)
              expect(existsSync(out)).toBe(false)
            }
          },
        ),
        { numRuns: 15 },
      )
    },
  )
})

test("from the command line: import, report in that tool's words, export", async () => {
  const folder = tempFolder()
  const made = await layerline(folder, ['import', VLLM, '--out', 'run', '--json'])
  expect(made.code, made.stderr).toBe(0)
  expect(JSON.parse(made.stdout)).toMatchObject({ format: 'vllm-bench', rows: { requests: 20 } })
  const report = await layerline(folder, ['report', 'run', '--definitions', 'vllm', '--slo', 'ttft=34ms,itl=20ms'])
  expect(report.code, report.stderr).toBe(0)
  expect(report.stdout).toMatch(/as vllm bench serve 0\.32 counts/)
  // Of 20, those that did not fail, with a TTFT of at most 34 ms and no gap above 20 ms: counted in the file.
  const file = jsonOf(VLLM)
  const met = file.errors.filter(
    (error: string, i: number) => error === '' && file.ttfts[i] <= 0.034 && Math.max(...file.itls[i]) <= 0.02,
  ).length
  expect(report.stdout).toMatch(new RegExp(`attainment .*: ${met} of 20 requests kept every limit`))
  const written = await layerline(folder, ['export', 'run', '--to', 'vllm-bench', '--out', 'again.json'])
  expect(written.code, written.stderr).toBe(0)
  expect(jsonOf(join(folder, 'again.json')).completed).toBe(file.completed)
})

function expectClose(found: unknown, expected: unknown, where: string, tolerance = 1e-9): void {
  if (Array.isArray(expected)) {
    expect(found, where).toHaveLength(expected.length)
    expected.forEach((each, i) => {
      expectClose((found as unknown[])[i], each, `${where}.${i}`, tolerance)
    })
  } else if (typeof expected === 'number' && typeof found === 'number') {
    expect(Math.abs(found - expected), where).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)))
  } else expect(found, where).toEqual(expected)
}
