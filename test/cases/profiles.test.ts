import { isUtf8 } from 'node:buffer'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type HtaKernels, kernelFigures } from '../../src/analysis/kernels/kernels.ts'
import { EXPORTS } from '../../src/exports/registry.ts'
import { importRun, PLAIN } from '../../src/imports/import-run.ts'
import { openRun } from '../../src/store/read/open-run.ts'
import { sharedCase } from '../support/shared-cases.ts'
import { tempFolder } from '../support/temp-folder.ts'
import {
  ascend,
  ascendFlows,
  asyncSpans,
  kernel,
  launch,
  lostStamps,
  oddBytes,
  op,
  overlapping,
  profile,
  unfinished,
} from './profile-files.ts'

interface Slice {
  name: string
  category: string
  t_ns: number
  dur_ns: number
  stream: number | null
  process: string
  track: string
  args: string | null
}

async function asked<T>(folder: string, ask: (reader: Awaited<ReturnType<typeof openRun>>) => Promise<T>): Promise<T> {
  const reader = await openRun(folder)
  try {
    return await ask(reader)
  } finally {
    await reader.close()
  }
}

/** A file imported: its slices in order, the codes of its warnings and notes, what was lost, its zero. */
async function importFile(path: string, options: { args?: boolean } = {}) {
  const { folder, run } = await importRun(path, join(tempFolder(), 'run'), { ...PLAIN, ...options })
  const { slices, links } = await asked(folder, async (reader) => ({
    slices: (await reader.query(
      `SELECT s.name, s.category, s.t_ns, s.dur_ns, s.stream, s.args, t.process, t.name AS track
      FROM named_slices s JOIN tracks t USING (track_id) ORDER BY s.t_ns, s.dur_ns DESC`,
    )) as unknown as Slice[],
    links: Number((await reader.query("SELECT count(*) AS n FROM links WHERE kind = 'launch'"))[0]?.n),
  }))
  const codes = (level: string) => run.verdict.filter((note) => note.level === level).map(({ what }) => what)
  return {
    folder,
    slices,
    warnings: codes('warn'),
    notes: codes('note'),
    lost: run.layers.slices?.lost ?? 0,
    links,
    epochNs: run.epoch_ns,
    times: slices.map(({ name, t_ns, dur_ns }) => [name, t_ns, t_ns + dur_ns]),
  }
}

function written(name: string, content: string | Buffer): string {
  const path = join(tempFolder(), name)
  writeFileSync(path, content)
  return path
}

async function exported(folder: string, to: 'chrome' | 'perfetto'): Promise<string> {
  const path = join(folder, `out.${to}`)
  await EXPORTS[to].write(folder, path, {})
  return path
}

async function checkLostStamps(path: string) {
  const { slices, times, warnings, lost, links, epochNs } = await importFile(path)
  expect(epochNs).toBe('1615207264505000000')
  expect(times).toEqual([
    ['cudaLaunchKernel', 0, 6000],
    ['gemm_0', 20_000, 70_000],
    ['cudaLaunchKernel', 100_000, 106_000],
    ['gemm_1', 120_000, 170_000],
    ['cudaLaunchKernel', 200_000, 206_000],
    ['gemm_2', 220_000, 270_000],
  ])
  expect({ warnings, lost, links }).toEqual({ warnings: ['import-wild-time'], lost: 2, links: 3 })
  return slices
}

describe('stamps of records that were lost', () => {
  test.each([0, -1, -1_615_207_264_505_000, 3_000_000_000_000_000])(
    'kernels at %d us are skipped, first in the file or not',
    async (stamp) => {
      const first = await checkLostStamps(written('first.json', lostStamps('first', stamp)))
      expect(await checkLostStamps(written('middle.json', lostStamps('middle', stamp)))).toEqual(first)
    },
  )

  test('times that merely begin at 0 or before it are kept', async () => {
    const at = (zero: number) => profile([op('a', zero, 5), op('b', zero + 10, 5), op('c', zero + 2e6, 0)])
    for (const zero of [0, -4]) {
      const { times, warnings, lost } = await importFile(written('a.json', at(zero)))
      expect(times).toEqual([
        ['a', 0, 5000],
        ['b', 10_000, 15_000],
        ['c', 2e9, 2e9],
      ])
      expect({ warnings, lost }).toEqual({ warnings: [], lost: 0 })
    }
  })

  test('a stamp of 0 beside times since the machine started is skipped', async () => {
    const { times, lost } = await importFile(
      written('a.json', profile([kernel('lost', 9, 0, 0), op('a', 9e9, 5), op('b', 9e9 + 10, 5)])),
    )
    expect({ times, lost }).toEqual({
      times: [
        ['a', 0, 5000],
        ['b', 10_000, 15_000],
      ],
      lost: 1,
    })
  })

  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'kineto-ts-zero')
    const first = await checkLostStamps(join(folder, 'ts0-first.json'))
    expect(await checkLostStamps(join(folder, 'ts0-middle.json'))).toEqual(first)
  })
})

async function checkUnfinished(path: string) {
  const { folder, slices, warnings, lost } = await importFile(path)
  expect(slices).toHaveLength(12)
  expect(Math.max(...slices.map(({ t_ns, dur_ns }) => t_ns + dur_ns))).toBe(3_449_000)
  expect({ warnings, lost }).toEqual({ warnings: ['import-negative-duration', 'import-endless'], lost: 3 })
  await exported(folder, 'perfetto')
}

describe('durations of what had not ended', () => {
  test('below 0, or of centuries: skipped, by reason', () => checkUnfinished(written('a.json', unfinished())))

  test('hours in a profile of milliseconds are none; a kernel longer than the rest of it is one', async () => {
    const { times, warnings } = await importFile(
      written('a.json', profile([op('a', 1, 5), op('b', 9, 2e6), op('c', 5, 4_457_717_007_474)])),
    )
    expect(times).toEqual([
      ['a', 0, 5000],
      ['b', 8000, 2e9 + 8000],
    ])
    expect(warnings).toEqual(['import-endless'])
  })

  test('the shared case', (context) =>
    checkUnfinished(join(sharedCase(context, 'kineto-overflow-duration'), 'trace.json')))
})

async function checkOverlaps(path: string, steps: 1 | 2) {
  const { folder, slices, warnings, notes } = await importFile(path)
  const kernels = slices.filter(({ category }) => category === 'kernel').map(({ name }) => name)
  expect(kernels).toHaveLength(3 * steps)
  expect([warnings, notes.includes('import-overlap')]).toEqual(steps === 1 ? [[], true] : [['import-overlap'], false])
  const { plain, hta } = await asked(folder, async (reader) => ({
    plain: await kernelFigures(reader, undefined),
    hta: (await kernelFigures(reader, 'hta')) as HtaKernels,
  }))
  expect(plain?.steps[0]?.busy_share).toBeCloseTo(0.9, 9)
  expect(plain?.steps[0]?.gap_share).toBeCloseTo(0.1, 9)
  if (steps === 2) expect(plain?.steps[1]?.busy_share).toBe(1)
  // The union, not the sum, of 27 µs and of 1.6 s.
  expect(plain?.busy_ms).toBeCloseTo(steps === 1 ? 0.027 : 1600.027, 9)
  for (const { idle_us } of hta.temporal_breakdown) expect(idle_us).toBeGreaterThanOrEqual(0)
  const chrome = JSON.parse(readFileSync(await exported(folder, 'chrome'), 'utf8')) as {
    traceEvents: { name: string }[]
  }
  const perfetto = readFileSync(await exported(folder, 'perfetto'), 'latin1')
  for (const name of kernels) {
    expect(chrome.traceEvents.map((event) => event.name)).toContain(name)
    expect(perfetto).toContain(name)
  }
}

describe('kernels that overlap on one stream', () => {
  test('by their tails: kept, counted, and time is their union', () =>
    checkOverlaps(written('a.json', overlapping(1)), 1))
  test('one over others: a warning', () => checkOverlaps(written('a.json', overlapping(2)), 2))

  test('the order of the lines makes no overlap', async () => {
    const events = [kernel('c', 3, 30, 10), kernel('a', 1, 10, 10), launch(1, 1), kernel('b', 2, 20, 10)]
    const { notes, warnings } = await importFile(written('a.json', profile(events)))
    expect([...notes, ...warnings]).not.toContain('import-overlap')
  })

  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'kineto-overlapping-kernels')
    await checkOverlaps(join(folder, 'pdl_only.json'), 1)
    await checkOverlaps(join(folder, 'trace.json'), 2)
  })
})

async function checkOddBytes(path: string) {
  const { folder, slices, lost, links } = await importFile(path, { args: true })
  expect({ count: slices.length, lost, links }).toEqual({ count: 6, lost: 0, links: 1 })
  expect(slices.at(-1)).toMatchObject({ name: 'aten::last', t_ns: 99_000, dur_ns: 500 })
  expect(slices.map(({ name }) => name)).toContainEqual(expect.stringMatching(/^bad\uFFFD+\(bytes$/))
  const strict = slices.flatMap(({ args }) => (args === null ? [] : [JSON.parse(args) as Record<string, unknown>]))
  expect(strict).toContainEqual(expect.objectContaining({ stream: 20, correlation: 4_294_967_295 }))
  const chrome = readFileSync(await exported(folder, 'chrome'))
  expect(isUtf8(chrome)).toBe(true)
  JSON.parse(chrome.toString())
  await exported(folder, 'perfetto')
}

describe('bytes and numbers that a strict reader refuses', () => {
  test('are read; args are JSON', () => checkOddBytes(written('a.json', oddBytes())))
  test('the shared case', (context) => checkOddBytes(join(sharedCase(context, 'kineto-bigint-bad-utf8'), 'trace.json')))

  test('args beyond repair are NULL, and counted', async () => {
    const bad = '{"ph":"X","cat":"cpu_op","name":"a","pid":1,"tid":1,"ts":1,"dur":1,"args":{"shape":"a "quoted" word"}}'
    const { slices, warnings } = await importFile(written('a.json', profile([bad, op('b', 5, 1)])), { args: true })
    expect(slices.map(({ name, args }) => [name, args])).toEqual([
      ['a', null],
      ['b', '{}'],
    ])
    expect(warnings).toEqual(['import-args'])
  })
})

async function checkAscend(path: string) {
  const { slices, epochNs } = await importFile(path)
  const first = slices[0]?.t_ns ?? 0
  expect(BigInt(epochNs) + BigInt(first)).toBe(1_715_592_342_123_456_789n)
  expect(
    slices.map(({ name, t_ns, dur_ns, process, category }) => [
      name,
      t_ns - first,
      t_ns - first + dur_ns,
      process,
      category,
    ]),
  ).toEqual([
    ['aten::matmul', 0, 30_400, '31 Python', 'cpu_op'],
    ['aten::mm', 1, 30_399, '31 Python', 'cpu_op'],
    ['MatMulV2', 39_312, 49_312, '45 Ascend Hardware', 'kernel'],
    ['Add', 49_313, 54_316, '45 Ascend Hardware', 'kernel'],
    ['Cast', 54_316, 55_566, '45 Ascend Hardware', 'kernel'],
  ])
  return slices
}

describe("other devices' profiles", () => {
  test("Ascend's: times as texts are exact to the ns, and as numbers; its operators are device work", async () => {
    const texts = await checkAscend(written('a.json', ascend('texts')))
    expect(await checkAscend(written('b.json', ascend('numbers')))).toEqual(texts)
  })

  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'chrome-ascend-string-ts')
    const texts = await checkAscend(join(folder, 'trace_view.json'))
    expect(await checkAscend(join(folder, 'same_with_numbers.json'))).toEqual(texts)
  })

  test("Ascend's flows are launches: from CANN's call, else from the operator, whatever the order of the lines", async () => {
    const launches = async (lines: string[]) => {
      const { folder, links, notes } = await importFile(written('a.json', `[${lines.join(',')}]`))
      expect(links).toBe(2)
      expect(notes.filter((what) => what === 'import-kinds')).toHaveLength(1)
      return asked(folder, (reader) =>
        reader.query(
          `SELECT k.name, c.name AS launch, launch_delay_ns FROM v_kernels k LEFT JOIN named_slices c ON c.slice_id = launch_id ORDER BY k.t_ns`,
        ),
      )
    }
    const found = await launches(ascendFlows())
    expect(found).toEqual([
      { name: 'MatMulV2', launch: 'Node@launch', launch_delay_ns: 81_601 },
      { name: 'Add', launch: 'aten::add', launch_delay_ns: 61_102 },
      { name: 'Cast', launch: null, launch_delay_ns: null },
    ])
    expect(await launches(ascendFlows().reverse())).toEqual(found)
  })

  test('the spellings of before PyTorch 1.13, and MTIA: kernels with their launches', async () => {
    const events = [
      op('cudaLaunchKernel', 1, 2, { cat: 'Runtime', args: { correlation: 5 } }),
      op('gemm', 5, 3, { cat: 'Kernel', pid: 0, tid: 7, args: { stream: 7, correlation: 5 } }),
      op('Memcpy HtoD', 9, 1, { cat: 'Memcpy', pid: 0, tid: 7, args: { stream: 7, correlation: 6 } }),
      op('aten::mm', 0, 20, { cat: 'Operator' }),
      op('runFunction', 30, 2, { cat: 'mtia_runtime', args: { correlation: 8 } }),
      op('fc_kernel', 33, 4, { cat: 'mtia_ccp_events', pid: 1, tid: 3, args: { correlation: 8 } }),
    ]
    const { folder, links, slices } = await importFile(written('a.json', profile(events)))
    expect(slices.map(({ name, category, stream }) => [name, category, stream])).toEqual([
      ['aten::mm', 'cpu_op', null],
      ['cudaLaunchKernel', 'cuda_runtime', null],
      ['gemm', 'kernel', 7],
      ['Memcpy HtoD', 'gpu_memcpy', 7],
      ['runFunction', 'mtia_runtime', null],
      ['fc_kernel', 'mtia_ccp_events', 3],
    ])
    expect(links).toBe(2)
    const kernels = await asked(folder, (reader) => reader.query('SELECT count(*)::INTEGER AS n FROM v_kernels'))
    expect(kernels).toEqual([{ n: 3 }])
  })
})

const WORK = JSON.stringify({ ph: 'X', cat: 'cpu_op', name: 'work', pid: 100, tid: 101, ts: 100, dur: 50, args: {} })

async function checkAsync(path: string, more: [string, number, number][]) {
  const { slices, times, warnings, notes } = await importFile(path)
  expect(times).toEqual(
    [0, 1, 2]
      .flatMap((i): [string, number, number][] => [
        [`request ${i}`, i * 1e6, i * 1e6 + 900_000],
        [`request ${i}`, i * 1e6 + 200_000, i * 1e6 + 200_000],
      ])
      .concat(more)
      .sort((a, b) => a[1] - b[1]),
  )
  expect(new Set(slices.filter(({ name }) => name !== 'work').map(({ track }) => track))).toEqual(
    new Set(['async_spans']),
  )
  expect(notes).not.toContain('import-kinds')
  expect(warnings).toEqual(['import-clock'])
  return notes
}

describe('spans that belong to no thread', () => {
  test('become slices of a track of their own', async () => {
    await checkAsync(written('a.json', JSON.stringify({ traceEvents: asyncSpans() })), [])
  })

  test('a bare list may end without its bracket', async () => {
    const events = [...asyncSpans().map((event) => JSON.stringify(event)), WORK]
    const notes = await checkAsync(written('a.json', `[\n${events.join(',\n')},\n`), [['work', 100_000, 150_000]])
    expect(notes).toContain('import-open')
  })

  test('begins and ends pair in order of time, whatever the order of the lines; of one id they nest', async () => {
    const at = (ph: string, name: string, ts: number) => ({ cat: 'c', pid: 1, tid: 1, id: 7, name, ph, ts })
    const events = [
      at('b', 'outer', 0),
      at('b', 'inner', 10),
      at('e', 'inner', 20),
      at('e', 'outer', 50),
      { ...at('B', 'call', 5), id: undefined },
      { ...at('E', 'call', 9), id: undefined },
      { ...at('b', 'other', 3), id: 8 },
      { ...at('S', 'old', 1), id: 9 },
      { ...at('F', 'old', 2), id: 9 },
    ]
    const { times, warnings } = await importFile(written('a.json', JSON.stringify(events)))
    expect(times).toEqual([
      ['outer', 0, 50_000],
      ['old', 1000, 2000],
      ['call', 5000, 9000],
      ['inner', 10_000, 20_000],
    ])
    expect(warnings).toContain('import-unpaired')
    const reversed = await importFile(written('b.json', JSON.stringify([...events].reverse())))
    expect(reversed.times).toEqual(times)
  })

  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'chrome-async-only')
    await checkAsync(join(folder, 'async.json'), [])
    await checkAsync(join(folder, 'mixed_unterminated.json'), [['work', 100_000, 150_000]])
  })
})

test('each reason for which events are skipped has a code of its own; {} is none', async () => {
  const events = [
    op('a', 1, 1),
    '{}',
    '{"ph":"X","name":"no time","dur":1}',
    '{"ph":"X","name":"no duration","ts":1}',
    '{"ph":"X" "name":"broken","ts":1,"dur":1}',
    '{"ph":"X","name":"wild","ts":9.9e15,"dur":1}',
    '{"ph":"N","name":"object","ts":1,"id":1}',
    '{"ph":"C","name":"counter","ts":1,"pid":1,"args":{"x":NaN}}',
  ]
  const { warnings, notes, lost, slices } = await importFile(written('a.json', profile(events)))
  expect(slices).toHaveLength(1)
  expect(warnings.sort()).toEqual(['import-no-duration', 'import-no-time', 'import-skipped', 'import-wild-time'])
  expect(notes.filter((what) => what === 'import-kinds')).toHaveLength(2)
  expect(lost).toBe(4)
  const quiet = await importFile(written('b.json', profile([op('a', 1, 1), '{}'])))
  expect({ warnings: quiet.warnings, lost: quiet.lost }).toEqual({ warnings: [], lost: 0 })
})

test('more tracks than a timeline can have are refused, with their bound', async () => {
  const path = join(tempFolder(), 'many.json')
  const events = Array.from({ length: 100_001 }, (_, i) => `{"ph":"X","name":"a","pid":1,"tid":${i},"ts":${i},"dur":1}`)
  writeFileSync(path, `{"traceEvents":[${events.join(',')}]}`)
  await expect(importFile(path)).rejects.toMatchObject({ code: 'input/import-tracks', exitCode: 2 })
})
