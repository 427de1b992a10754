import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LayerlineError } from '../../src/base/errors.ts'
import type { Arrival } from '../../src/workload/arrivals/arrival.ts'
import { openTrace, type TraceOptions } from '../../src/workload/arrivals/open-trace.ts'
import { type RunningPacedServer, startPacedServer } from '../paced-server/start.ts'
import { layerline, sqlRows } from '../support/cli.ts'
import { sharedCase } from '../support/shared-cases.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { azure, branches, burstgpt3, delayedTurns, secondsAsMooncake, stampedTurns, ticks } from './trace-files.ts'

function written(name: string, content: string | Buffer): string {
  const path = join(tempFolder(), name)
  writeFileSync(path, content)
  return path
}

async function opened(path: string, options: Partial<TraceOptions> = {}) {
  const schedule = await openTrace({ path, ...options })
  const arrivals: Arrival[] = []
  for await (const batch of schedule.batches()) arrivals.push(...batch)
  const { provenance, notes, spanUs } = schedule
  const counts = { ...schedule.counts }
  await schedule.close()
  return { arrivals, provenance, notes, spanUs, counts, ms: arrivals.map(({ tUs }) => tUs / 1000) }
}

async function refusal(path: string, options: Partial<TraceOptions> = {}): Promise<LayerlineError> {
  const error = await opened(path, options).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(LayerlineError)
  return error as LayerlineError
}

const sessions = (arrivals: readonly Arrival[]) =>
  arrivals.map(({ session }) => (session === null ? null : [session.id, session.turn]))

async function checkDelays(path: string) {
  expect(await refusal(path)).toMatchObject({
    code: 'input/trace-row',
    message: expect.stringMatching(/:2: timestamp is missing.*`delay`/),
  })
  const { arrivals, counts, provenance } = await opened(path, { skipBad: true })
  expect([arrivals.length, counts.bad_rows]).toEqual([2, 4])
  expect(provenance.columns_not_read).toEqual(['delay'])
}

async function checkStamped(path: string) {
  const { arrivals, ms, provenance } = await opened(path)
  expect(ms).toEqual([0, 400, 500, 900, 1000, 1400])
  const turns = [0, 0, 1, 1, 2, 2].map((turn, i) => [`s${1 + (i % 2)}`, turn])
  expect(sessions(arrivals)).toEqual(turns)
  expect(provenance.columns_not_read).toEqual([])
  const map = { ts: 'timestamp', in: 'input_length', out: 'output_length', session: 'session_id' }
  expect(sessions((await opened(path, { format: 'table', map, timeUnit: 'ms' })).arrivals)).toEqual(turns)
}

describe("Mooncake's keys with sessions", () => {
  test('turns with a delay alone are named; what is not read is named', () =>
    checkDelays(written('d.jsonl', delayedTurns())))
  test('turns with times are conversations', () => checkStamped(written('s.jsonl', stampedTurns())))
  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'trace-aiperf-mooncake-sessions')
    await checkDelays(join(folder, 'delays.jsonl'))
    await checkStamped(join(folder, 'stamped.jsonl'))
  })
  test('a row without its output is offered: the model ends when it likes', async () => {
    const { arrivals, counts } = await opened(
      written('o.jsonl', '{"timestamp":0,"input_length":4,"output_length":2}\n{"timestamp":9,"input_length":4}\n'),
    )
    expect(arrivals.map(({ outputTokens }) => outputTokens)).toEqual([2, null])
    expect(counts.rows_without_output).toBe(1)
  })
})

async function checkSeconds(path: string) {
  const asMs = await opened(path)
  expect(asMs.provenance).toMatchObject({ format: 'mooncake', time_unit: 'ms', time_unit_doubt: 's' })
  expect([asMs.spanUs, asMs.counts.rows_with_odd_blocks]).toEqual([11_500, 24])
  // Printed before anything is sent: the span, the rate, and what to do.
  const said = asMs.notes.join('\n')
  for (const word of ['11.5 ms', '2,090 a second', '--time-unit s']) expect(said).toContain(word)
  const asS = await opened(path, { timeUnit: 's' })
  expect(asS.provenance).toMatchObject({ time_unit: 's', time_unit_doubt: null })
  expect(asS.ms).toEqual(Array.from({ length: 24 }, (_, i) => i * 500))
  // One row per tick is not a burst.
  expect(asS.notes.join('\n')).not.toContain('burst')
}

describe("a trace in another unit than its format's", () => {
  test('is doubted, and told how to read', () => checkSeconds(written('s.jsonl', secondsAsMooncake())))
  test('the shared case', (context) =>
    checkSeconds(join(sharedCase(context, 'trace-mooncake-in-seconds'), 'seconds.jsonl')))
})

describe("Mooncake's ticks", () => {
  test('are the commonest step', async () => {
    const path = written('t.jsonl', ticks())
    const { provenance, ms } = await opened(path, { jitterSeed: 1 })
    expect(provenance.jitter).toEqual({ seed: 1, tick_us: 3_000_000 })
    const plain = (await opened(path)).ms
    for (const [i, at] of [...ms].sort((a, b) => a - b).entries()) {
      const stamp = plain[i] as number
      // Times count from the first arrival, which the jitter has moved, too.
      expect(at).toBeGreaterThanOrEqual(stamp - 3000)
      expect(at).toBeLessThanOrEqual(stamp + 3000)
    }
  })

  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'trace-mooncake-real-head')
    const figures = async (file: string, options: Partial<TraceOptions> = {}) => {
      const { arrivals, spanUs, counts, provenance } = await opened(join(folder, file), options)
      const sum = (of: (arrival: Arrival) => number) => arrivals.reduce((total, arrival) => total + of(arrival), 0)
      return {
        rows: arrivals.length,
        spanUs,
        stamps: new Set(arrivals.map(({ tUs }) => tUs)).size,
        input: sum(({ inputTokens }) => inputTokens),
        output: sum(({ outputTokens }) => outputTokens ?? 0),
        counts,
        tick: (provenance.jitter as { tick_us: number } | null)?.tick_us ?? null,
        unit: provenance.time_unit,
      }
    }
    expect(await figures('conversation_head.jsonl')).toMatchObject({
      rows: 60,
      spanUs: 15_000_000,
      stamps: 6,
      input: 743_189,
      output: 21_759,
      counts: {},
      unit: 'ms',
    })
    expect(await figures('synthetic_head.jsonl')).toMatchObject({
      rows: 60,
      spanUs: 17_245_000,
      stamps: 59,
      input: 765_163,
      output: 11_203,
      counts: {},
    })
    const overlong = { maxModelLen: 8192, policy: 'skip' } as const
    for (const file of ['conversation_head.jsonl', 'synthetic_head.jsonl']) {
      expect(await figures(file, { overlong })).toMatchObject({ rows: 30, counts: { overlong_skipped: 30 } })
    }
    expect((await figures('conversation_head.jsonl', { jitterSeed: 1 })).tick).toBe(3_000_000)
    expect((await figures('synthetic_head.jsonl', { jitterSeed: 1 })).tick).toBe(null)
  })
})

describe('BurstGPT 3', () => {
  const turnsOf = (arrivals: readonly Arrival[], id: string) =>
    arrivals.flatMap(({ session }) => (session?.id === id ? [session.turn] : []))

  test('blank sessions are none; the first request is due at once; failures are counted', async () => {
    const { arrivals, ms, counts, provenance } = await opened(written('b.csv', burstgpt3()))
    expect([arrivals.length, counts.failed_in_trace, ms[0], ms.at(-1)]).toEqual([10, 2, 0, 300_000])
    expect(turnsOf(arrivals, 'A')).toEqual([0, 1, 2])
    expect(arrivals.filter(({ session }) => session === null)).toHaveLength(3)
    expect(provenance.columns_not_read).toEqual(['Elapsed time', 'Model', 'Total tokens', 'Log Type'])
  })

  test('the shared case', async (context) => {
    const path = join(sharedCase(context, 'trace-burstgpt3-sessions'), 'BurstGPT_3_head.csv')
    const { arrivals, spanUs, counts, provenance } = await opened(path)
    expect(provenance).toMatchObject({ format: 'burstgpt', time_unit: 's', time_unit_doubt: null })
    expect([arrivals.length, counts.failed_in_trace, spanUs]).toEqual([20, 4, 300e6])
    const ids = new Set(arrivals.flatMap(({ session }) => session?.id ?? []))
    expect(ids.size).toBe(8)
    expect(turnsOf(arrivals, [...ids][0] as string)).toEqual([0, 1, 2])
  })
})

describe("Azure's, and what spreadsheets make of it", () => {
  test.each([
    ['en-US', azure(['11/16/2023 18:15', '11/16/2023 18:15'])],
    ['de-DE', `\uFEFF${azure(['16.11.2023 18:15:46', '16.11.2023 18:15:50'], ';')}`],
    ['a day number', azure(['45246.76', '45246.77'])],
    ['a time of day', azure(['15:46.7', '15:50.9'])],
  ])('%s is refused with its place, and named', async (_, text) => {
    expect(await refusal(written('a.csv', text))).toMatchObject({
      code: 'input/trace-row',
      message: expect.stringMatching(/a\.csv:2: TIMESTAMP is .*expected a date and time/),
      hint: expect.stringContaining('spreadsheet'),
    })
  })

  test('numbers cut to a few digits are no times', async () => {
    const error = await refusal(written('a.csv', 'ts,in,out\n1.69992E+12,5,5\n1.69992E+12,6,5\n'), { timeUnit: 'ms' })
    expect(error).toMatchObject({ code: 'input/trace-row', hint: expect.stringContaining('spreadsheet') })
  })

  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'trace-azure-2023-head')
    const path = join(folder, 'conv_head.csv')
    const { arrivals, spanUs, provenance } = await opened(path)
    const sum = (of: (arrival: Arrival) => number | null) =>
      arrivals.reduce((total, each) => total + (of(each) ?? 0), 0)
    expect([arrivals.length, spanUs, provenance.time_unit]).toEqual([40, 39_091_915, 'iso'])
    expect([sum(({ inputTokens }) => inputTokens), sum(({ outputTokens }) => outputTokens)]).toEqual([36_706, 5118])
    const within = async (from: string, to: string) => (await opened(path, { from, to })).arrivals.length
    expect(await within('10s', '20s')).toBe(17)
    expect(await within('2023-11-16T18:15:56.5Z', '2023-11-16T18:16:06.7Z')).toBe(17)
    for (const file of ['excel_us.csv', 'excel_de.csv']) {
      expect(await refusal(join(folder, file))).toMatchObject({
        code: 'input/trace-row',
        message: expect.stringMatching(/:2: TIMESTAMP/),
        hint: expect.stringContaining('spreadsheet'),
      })
    }
  })
})

describe('conversations that are trees', () => {
  let server: RunningPacedServer
  beforeAll(async () => {
    server = await startPacedServer()
  })
  afterAll(() => server.stop())

  async function checkBranches(path: string, isHashed: boolean) {
    const { arrivals, counts, spanUs } = await opened(path)
    expect(arrivals.map(({ inputTokens }) => inputTokens)).toEqual([502, 64, 700, 720, 90, 521, 400, 50, 40, 610])
    expect(spanUs).toBe(15e6)
    expect(counts).toEqual({ conversations_without_start: 2, ...(isHashed ? { rows_with_odd_blocks: 1 } : {}) })
    // Which turn of its conversation each waits for.
    expect(arrivals.map(({ session }) => [session?.id, session?.after])).toEqual([
      ['0', null],
      ['1', null],
      ['0', 0],
      ['0', 0],
      ['4', null],
      ['5', null],
      ['5', 0],
      ['7', null],
      ['9', null],
      ['5', 1],
    ])
    const cached = await opened(path, { cacheDir: tempFolder() })
    expect(cached.arrivals).toEqual(arrivals)
  }

  test('a turn waits for its parent', async () => {
    await checkBranches(written('q.jsonl', branches(true)), true)
    await checkBranches(written('n.jsonl', branches(false)), false)
  })

  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'trace-qwen-branches')
    await checkBranches(join(folder, 'qwen_head.jsonl'), true)
    await checkBranches(join(folder, 'no_hashes.jsonl'), false)
  })

  test('and not for its sibling: both answers go when the turn before has ended', async () => {
    // The parent takes 0.6 s, each child as long; all are due at once.
    await server.setDefaults({ ttft_ms: 600, itl_ms: 1 })
    const row = (chat_id: number, parent_chat_id: number, timestamp: number) =>
      JSON.stringify({ chat_id, parent_chat_id, timestamp, input_length: 20, output_length: 2, turn: 1 })
    const path = written('q.jsonl', `${[row(0, -1, 0), row(1, 0, 0.05), row(2, 0, 0.1), row(3, 2, 0.15)].join('\n')}\n`)
    const folder = tempFolder()
    const args = [
      '--trace',
      path,
      '--url',
      server.url,
      '--endpoint',
      'completions',
      '--gpu',
      'none',
      '--out',
      'run',
      '--quiet',
    ]
    const { code, stderr } = await layerline(folder, ['replay', ...args])
    expect([code, stderr]).toEqual([0, ''])
    const rows = await sqlRows(folder, 'run', 'SELECT turn, sent_ns, end_ns, status FROM requests ORDER BY request_id')
    const [parent, one, other, grandchild] = rows.map((each) => ({
      sent: Number(each.sent_ns),
      end: Number(each.end_ns),
    }))
    expect(rows.map(({ turn, status }) => [turn, status])).toEqual([0, 1, 2, 3].map((turn) => [turn, 'ok']))
    for (const child of [one, other]) expect(child?.sent).toBeGreaterThanOrEqual(parent?.end as number)
    // Each is sent while the other is in flight.
    expect(other?.sent).toBeLessThan(one?.end as number)
    expect(grandchild?.sent).toBeGreaterThanOrEqual(other?.end as number)
  })
})

test.each([
  ['Git LFS', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n'), /Git LFS/],
  ['HTML', Buffer.from('<!DOCTYPE html><html></html>'), /HTML/],
  ['HTML that is packed', gzipSync('<html><body>sign in</body></html>'), /HTML/],
  ['UTF-16', Buffer.from('\uFEFFTIMESTAMP,ContextTokens,GeneratedTokens\n', 'utf16le'), /UTF-16/],
  ['a workbook', Buffer.from('PK\x03\x04\x14\0\x06\0[Content_Types].xml', 'latin1'), /spreadsheet/],
])('a trace that is %s is named as that', async (_, content, words) => {
  expect(await refusal(written('trace.csv', content))).toMatchObject({
    code: 'input/trace-text',
    message: expect.stringMatching(words),
    hint: expect.stringMatching(/./),
  })
})
