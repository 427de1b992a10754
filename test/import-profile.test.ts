import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { generatedTrace, newTruth } from '../bench/import/generated-trace.ts'
import type { Kernels } from '../src/analysis/kernels/kernels.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { sharedData } from './support/shared-cases.ts'
import { tempFolder } from './support/temp-folder.ts'

function generate(events: number, rank: number) {
  const truth = newTruth()
  const text = [...generatedTrace({ seed: 7 + rank, events, rank }, truth)].join('')
  return { text, truth }
}

interface Imported {
  rows: Record<string, number>
  notes: { level: string; what: string; text: string }[]
}

async function imported(folder: string, args: readonly string[]): Promise<Imported> {
  const { code, stdout, stderr } = await layerline(folder, ['import', ...args, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as Imported
}

describe('a generated profile', () => {
  test('every slice is there, sorted, on the Unix clock, joined to its step; links go from launches to kernels', async () => {
    const folder = tempFolder()
    const { text, truth } = generate(20_000, 0)
    writeFileSync(join(folder, 'trace.json'), text)
    const { rows, notes } = await imported(folder, ['trace.json', '--out', 'run'])
    expect(rows).toMatchObject({ slices: truth.slices, links: truth.kernels })
    expect(notes.map(({ text: note }) => note)).toContainEqual(
      expect.stringContaining(`${truth.pythonFunctions} Python functions`),
    )
    const sealed = JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8')) as { epoch_ns: string }
    expect(sealed.epoch_ns).toBe(String(1_790_857_026_000_000_000n + 4_457_717_000_000n * 1000n))
    const [steps] = await sqlRows(
      folder,
      'run',
      "SELECT count(*) AS n, sum(s.tokens) AS tokens FROM slices s JOIN tracks t USING (track_id) WHERE t.layer = 'engine'",
    )
    expect(steps).toEqual({ n: truth.steps, tokens: truth.tokens })
    // Launches of a step lie within it; its kernels may run later.
    const [kernels] = await sqlRows(
      folder,
      'run',
      `SELECT count(*) AS n, count(k.step_id) AS joined, count(*) FILTER (c.t_ns >= s.t_ns AND c.t_ns < s.t_ns + s.dur_ns) AS within
       FROM slices k JOIN links l ON l.dst_id = k.slice_id JOIN slices c ON c.slice_id = l.src_id JOIN slices s ON s.slice_id = k.step_id
       WHERE k.category = 'kernel' AND l.kind = 'launch'`,
    )
    expect(kernels).toEqual({ n: truth.kernels, joined: truth.kernels, within: truth.kernels })
    const [order] = await sqlRows(
      folder,
      'run',
      'SELECT count(*) AS n FROM (SELECT t_ns - lag(t_ns) OVER (ORDER BY rn) AS d FROM (SELECT t_ns, row_number() OVER () AS rn FROM slices)) WHERE d < 0',
    )
    expect(order).toEqual({ n: 0 })
    const tracks = await sqlRows(folder, 'run', 'SELECT layer, name, device, attrs FROM tracks ORDER BY name, attrs')
    const device = 'GPU 0 NVIDIA A10'
    const attrs = (more: object) =>
      JSON.stringify({ source: 'trace.json', zero_us: 4_457_717_000_000, rank: 0, ...more })
    expect(tracks).toEqual([
      { layer: 'kernel', name: 'cpu_thread', device: null, attrs: attrs({}) },
      { layer: 'engine', name: 'engine_steps', device: null, attrs: attrs({}) },
      { layer: 'kernel', name: 'gpu_stream', device, attrs: attrs({ stream: 13 }) },
      { layer: 'kernel', name: 'gpu_stream', device, attrs: attrs({ stream: 7 }) },
    ])
  })

  test('the report counts its steps by kind, with their tokens and kernels', async () => {
    const folder = tempFolder()
    const { text, truth } = generate(20_000, 0)
    writeFileSync(join(folder, 'trace.json'), text)
    await imported(folder, ['trace.json', '--out', 'run'])
    const { stdout } = await layerline(folder, ['report', 'run', '--json'])
    const { kernels } = JSON.parse(stdout) as { kernels: Kernels }
    expect(kernels).toMatchObject({ source: 'kernels', kernels: truth.kernels })
    // The generator decodes in every step, and prefills beside it in some.
    expect(kernels.steps.map(({ kind }) => kind)).toEqual(['decode', 'mixed'])
    const sum = (figure: (step: Kernels['steps'][number]) => number) =>
      kernels.steps.reduce((total, step) => total + figure(step), 0)
    expect(sum(({ steps }) => steps)).toBe(truth.steps)
    expect(sum((step) => step.prefill_tokens + step.decode_tokens)).toBe(truth.tokens)
    for (const step of kernels.steps) {
      expect(step).toMatchObject({ kernels_per_step: 16, graph_kernels: 0 })
      expect(step.launch_bound_share).toBeLessThanOrEqual(step.gap_share ?? 0)
      expect((step.busy_share ?? 0) + (step.gap_share ?? 0)).toBeCloseTo(1, 9)
    }
    expect(kernels.clock_skew).toEqual({ launches: truth.kernels, negative: 0, worst_us: null })
  })

  test('with --stacks and --args all is kept; packed files give the same rows', async () => {
    const folder = tempFolder()
    const { text, truth } = generate(5000, 0)
    writeFileSync(join(folder, 'a.json.gz'), gzipSync(text))
    writeFileSync(join(folder, 'plain.json'), text)
    execFileSync('zstd', ['-q', 'plain.json', '-o', 'b.json.zst'], { cwd: folder })
    const { rows } = await imported(folder, ['a.json.gz', '--stacks', '--args', '--out', 'full'])
    expect(rows.slices).toBe(truth.slices + truth.pythonFunctions)
    const [args] = await sqlRows(
      folder,
      'full',
      `SELECT args FROM slices WHERE category = 'kernel' ORDER BY t_ns LIMIT 1`,
    )
    expect(JSON.parse(String(args?.args))).toMatchObject({ device: 0, grid: [96, 1, 1] })
    const all = 'SELECT * EXCLUDE (category), category FROM slices ORDER BY slice_id'
    for (const name of ['a.json.gz', 'plain.json', 'b.json.zst']) await imported(folder, [name, '--out', `of-${name}`])
    const plain = await sqlRows(folder, 'of-plain.json', all)
    expect(plain).toHaveLength(truth.slices)
    expect(await sqlRows(folder, 'of-a.json.gz', all)).toEqual(plain)
    expect(await sqlRows(folder, 'of-b.json.zst', all)).toEqual(plain)
  })

  test('exports again to Chrome: every slice, at its time, nested on its thread; launches point at kernels', async () => {
    const folder = tempFolder()
    const { text, truth } = generate(3000, 0)
    writeFileSync(join(folder, 'trace.json'), text)
    await imported(folder, ['trace.json', '--stacks', '--out', 'run'])
    expect((await layerline(folder, ['export', 'run', '--to', 'chrome', '--out', 'out.json'])).code).toBe(0)
    type Event = { ph: string; name: string; cat: string; ts: number; dur: number; pid: number; tid: number }
    type Chrome = { baseTimeNanoseconds: number; traceEvents: Event[] }
    const read = (content: string) => JSON.parse(content) as Chrome
    // The file's own times, from its zero on: whole they would lose ns in a double.
    const small = text.replaceAll(/"ts": 4457717(0*)(\d)/g, '"ts": $2')
    const [before, after] = [read(small), read(readFileSync(join(folder, 'out.json'), 'utf8'))]
    // Times from the first event on: the two files count from different zeros.
    const slices = ({ traceEvents }: Chrome) => {
      const all = traceEvents.filter(({ ph }) => ph === 'X')
      const ns = (us: number) => Math.round(us * 1000)
      const first = Math.min(...all.map(({ ts }) => ns(ts)))
      return all.map(({ name, cat, ts, dur }) => `${ns(ts) - first} ${ns(dur)} ${cat} ${name}`).sort()
    }
    expect(slices(after)).toEqual(slices(before))
    expect(slices(after)).toHaveLength(truth.slices + truth.pythonFunctions)
    const flows = (ph: string) => after.traceEvents.filter((event) => event.ph === ph).length
    expect([flows('s'), flows('f')]).toEqual([truth.kernels, truth.kernels])
    for (const tid of new Set(after.traceEvents.map((event) => event.tid))) {
      const open: number[] = []
      for (const { ts, dur } of after.traceEvents.filter((event) => event.ph === 'X' && event.tid === tid)) {
        while (open.length > 0 && (open.at(-1) as number) <= ts + 1e-6) open.pop()
        if (open.length > 0) expect(ts + dur).toBeLessThanOrEqual((open.at(-1) as number) + 1e-3)
        open.push(ts + dur)
      }
    }
  })

  test('counters are kept, however many there are, and can be zoomed', async () => {
    const folder = tempFolder()
    const samples = Array.from(
      { length: 70_000 },
      (_, i) => `{"ph":"C","name":"mem","pid":1,"ts":${i + 0.5},"args":{"value":${i},"peak":9}}`,
    )
    writeFileSync(
      join(folder, 'trace.json'),
      `{"baseTimeNanoseconds": 1790857026000000000, "traceEvents": [${samples.join(',\n')}]}`,
    )
    const { rows } = await imported(folder, ['trace.json', '--out', 'run'])
    expect(rows).toMatchObject({ counters: 140_000, tracks: 2 })
    const sums =
      'SELECT name, count(*) AS n, sum(value) AS sum, min(c.t_ns) AS first, max(c.t_ns) AS last FROM named_counters c GROUP BY name ORDER BY name'
    expect(await sqlRows(folder, 'run', sums)).toEqual([
      { name: 'mem', n: 70_000, sum: (70_000 * 69_999) / 2, first: 500, last: 69_999_500 },
      { name: 'mem peak', n: 70_000, sum: 630_000, first: 500, last: 69_999_500 },
    ])
    const zoomed =
      "SELECT sum(n) AS n, max(max) AS most FROM mips JOIN tracks USING (track_id) WHERE level = 12 AND name = 'mem'"
    expect(await sqlRows(folder, 'run', zoomed)).toEqual([{ n: 70_000, most: 69_999 }])
  })

  test('a folder is one run, a rank a file; other JSON beside is left, and said', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, 'profile'))
    const made = [0, 1, 2].map((rank) => generate(3000, rank))
    for (const [rank, { text }] of made.entries())
      writeFileSync(join(folder, 'profile', `rank${rank}.json.gz`), gzipSync(text))
    writeFileSync(join(folder, 'profile', 'config.json'), '{"a": 1}')
    const { rows, notes } = await imported(folder, ['profile', '--out', 'run'])
    expect(rows.slices).toBe(made.reduce((sum, { truth }) => sum + truth.slices, 0))
    expect(notes.map(({ text }) => text)).toContain('1 JSON files beside them are no traces, and were left')
    const ranks = await sqlRows(
      folder,
      'run',
      `SELECT regexp_extract(t.attrs, '"rank":(\\d+)', 1) AS rank, count(*) AS n FROM slices s JOIN tracks t USING (track_id) GROUP BY 1 ORDER BY 1`,
    )
    expect(ranks).toEqual(made.map(({ truth }, rank) => ({ rank: String(rank), n: truth.slices })))
  })

  test('a packed file that was cut off gives what came before, and says so', async () => {
    const folder = tempFolder()
    const { text, truth } = generate(5000, 0)
    const packed = gzipSync(text)
    writeFileSync(join(folder, 'cut.json.gz'), packed.subarray(0, packed.length / 2))
    const { rows, notes } = await imported(folder, ['cut.json.gz', '--out', 'run'])
    expect(rows.slices).toBeGreaterThan(truth.slices / 4)
    expect(rows.slices).toBeLessThan(truth.slices)
    expect(notes).toContainEqual({
      level: 'warn',
      what: 'import-cut',
      text: expect.stringMatching(/unpacking ended early/),
    })
  })
})

test('files that are no traces are refused, and leave nothing behind', async () => {
  const folder = tempFolder()
  const cases: [name: string, text: string | Buffer][] = [
    ['object.json', '{"a": [1, 2]}'],
    ['list.json', '[1, 2]'],
    ['empty.json', ''],
    ['text.json', 'hello'],
    ['packed.json', gzipSync('{"a": 1}')],
  ]
  for (const [name, text] of cases) {
    writeFileSync(join(folder, name), text)
    const { code, stderr } = await layerline(folder, ['import', name, '--out', 'run'])
    expect([name, code]).toEqual([name, 2])
    expect(stderr).toContain(name)
    expect(existsSync(join(folder, 'run'))).toBe(false)
  }
})

describe('a real profile of vLLM', () => {
  test('its steps, their tokens and what ran in them; the client saw each step end before its chunk', async (context) => {
    const profile = sharedData(context, 'vllm-profile')
    const folder = tempFolder()
    const { rows, notes } = await imported(folder, [profile, '--out', 'run'])
    // Counted in the files by grep: cpu_op, user_annotation, Trace, instants; three of the front end's are no Python.
    expect(rows.slices).toBe(75_198 + 95 + 1 + 2 + 3)
    expect(notes.filter(({ level }) => level === 'warn')).toEqual([])
    const steps = await sqlRows(
      folder,
      'run',
      `SELECT s.slice_id, s.t_ns + s.dur_ns AS end_ns, s.tokens, s.name FROM named_slices s JOIN tracks t USING (track_id)
       WHERE t.layer = 'engine' ORDER BY s.t_ns`,
    )
    expect(steps).toHaveLength(95)
    const prefills = steps.filter(({ name }) => !String(name).startsWith('execute_context_0'))
    expect(prefills.map(({ tokens }) => tokens)).toEqual([49, 202, 15, 302])
    const client = JSON.parse(readFileSync(join(profile, 'a_client.json'), 'utf8')) as { chunks: [number, unknown][] }[]
    const { epoch_ns } = JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8')) as { epoch_ns: string }
    const ends = steps.map(({ end_ns }) => Number(end_ns) + Number(BigInt(epoch_ns) - 1_795_314_742_000_000_000n))
    const chunks = client.flatMap(({ chunks: all }) => all.map(([t]) => Number(BigInt(t) - 1_795_314_742_000_000_000n)))
    const delays = chunks.map((t) => t - Math.max(...ends.filter((end) => end < t)))
    delays.sort((a, b) => a - b)
    // Seen on this profile: 1.2 to 6 ms, half of them within 1.6 ms.
    expect(delays[delays.length >> 1]! / 1e6).toBeGreaterThan(1)
    expect(delays[delays.length >> 1]! / 1e6).toBeLessThan(2.5)
  })
})
