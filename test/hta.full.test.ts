import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { type TrainingPlan, trainingTrace } from '../bench/import/training-trace.ts'
import type { HtaKernels } from '../src/analysis/kernels/kernels.ts'
import { layerline } from './support/cli.ts'
import { needs } from './support/needs.ts'
import { pythonWithHta, whyNoPip } from './support/python-packages.ts'
import { tempFolder } from './support/temp-folder.ts'

const SCRIPT = fileURLToPath(new URL('./python/hta_figures.py', import.meta.url))
const whyNot = await whyNoPip()

type Rows = Record<string, string | number | null>[]

/** Runs HTA on folders of traces; not in a folder of ours, where Python could find other modules. */
async function hta<T>(...folders: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)(await pythonWithHta(), [SCRIPT, ...folders], {
    cwd: tmpdir(),
    maxBuffer: 1 << 26,
  })
  return JSON.parse(stdout) as T
}

function write(folder: string, plan: Omit<TrainingPlan, 'rank'>, change = (text: string) => text): void {
  mkdirSync(folder)
  for (let rank = 0; rank < plan.ranks; rank++) {
    writeFileSync(join(folder, `trace_${rank}.json`), change(JSON.stringify(trainingTrace({ ...plan, rank }), null, 1)))
  }
}

/** Operators that launch two to four kernels, by inner operators, some of them again and again. */
function sequenceTrace() {
  const events: object[] = []
  const add = (cat: string, name: string, tid: number, ts: number, dur: number, args: object = {}) =>
    events.push({ ph: 'X', cat, name, pid: cat === 'kernel' ? 0 : 9, tid, ts, dur, args })
  let [us, gpu, correlation] = [1_000_000.25, 1_000_100.5, 10]
  const begun = us
  for (let i = 0; i < 24; i++) {
    const [name, ...kernels] =
      i % 2 === 0
        ? ['aten::attention', 'qk', 'softmax', 'av']
        : i % 4 === 1
          ? ['aten::mlp', 'up', 'silu', 'mul', 'down']
          : i % 12 === 3
            ? ['aten::copy', 'cast', 'copy']
            : ['aten::mlp', 'up', 'gelu', 'down']
    add('cpu_op', name as string, 9, us, kernels.length * 10 + 4.5)
    for (const [k, kernel] of kernels.entries()) {
      const at = us + 2 + k * 10
      add('cpu_op', 'aten::inner', 9, at, 8)
      add('cuda_runtime', 'cudaLaunchKernel', 9, at + 2, 4, { correlation: ++correlation })
      gpu = Math.max(gpu, at + 20) + 3
      add('kernel', kernel, 7, gpu, 5 + k, { stream: 7, device: 0, correlation })
      gpu += 5 + k
    }
    us += 60
  }
  add('user_annotation', 'ProfilerStep#1', 9, begun - 5, us - begun + 10)
  return {
    schemaVersion: 1,
    distributedInfo: { rank: 0, world_size: 1 },
    baseTimeNanoseconds: 1_790_857_026_000_000_000,
    traceEvents: events,
  }
}

async function ours(folder: string, name: string): Promise<HtaKernels> {
  expect((await layerline(folder, ['import', name, '--out', `${name}.run`, '--quiet'])).code).toBe(0)
  const { stdout, code } = await layerline(folder, ['report', `${name}.run`, '--rules', 'hta', '--json'])
  expect(code).toBe(0)
  return (JSON.parse(stdout) as { kernels: HtaKernels }).kernels
}

const close = (value: unknown) => (typeof value === 'number' ? expect.closeTo(value, 6) : value)
const byRankAndStream = (a: Rows[number], b: Rows[number]) =>
  Number(a.rank) - Number(b.rank) || Number(a.stream) - Number(b.stream)

describe("HTA's figures", () => {
  needs(whyNot)
  beforeAll(async () => {
    if (whyNot === undefined) await pythonWithHta()
  })

  test.each<[string, Omit<TrainingPlan, 'rank'>]>([
    ['several steps, two ranks, with waits', { seed: 1, ranks: 2, steps: 3, launchesPerStep: 60, sync: true }],
    ['several steps, three ranks', { seed: 2, ranks: 3, steps: 4, launchesPerStep: 25, sync: false }],
    ['one step, one rank', { seed: 3, ranks: 1, steps: 1, launchesPerStep: 200, sync: true }],
  ])('%s', async (_, plan) => {
    const folder = tempFolder()
    write(join(folder, 'profile'), plan)
    const theirs = await hta<Record<string, Rows>>(join(folder, 'profile'))
    const kernels = await ours(folder, 'profile')
    expect(kernels.source).toBe('kernels')
    expect(kernels.temporal_breakdown).toEqual(
      theirs.temporal_breakdown?.map((row) => ({
        rank: row.rank,
        idle_us: row['idle_time(us)'],
        compute_us: row['compute_time(us)'],
        non_compute_us: row['non_compute_time(us)'],
        total_us: row['kernel_time(us)'],
      })),
    )
    expect(kernels.overlap).toEqual(
      theirs.overlap?.map((row) => ({ rank: row.rank, overlap_pct: row.comp_comm_overlap_pctg })),
    )
    expect(kernels.launches).toEqual(theirs.launches?.map(({ rank, count }) => ({ rank, count })))
    expect(kernels.launch_delays.map(({ mean_delay_us }) => mean_delay_us)).toEqual(
      theirs.launches?.map(({ delay }) => close(delay)),
    )
    // HTA lists sets of classes that ran together for no time at all where two of its sort's ties fall so.
    expect(kernels.kernel_breakdown).toEqual(
      theirs.kernel_breakdown
        ?.filter(({ sum }) => Number(sum) > 0)
        .map((row) => ({ kernel_type: row.kernel_type, sum_us: row.sum, percentage: row.percentage })),
    )
    expect(kernels.idle_breakdown).toEqual(
      theirs.idle_breakdown
        ?.sort(byRankAndStream)
        .map(({ rank, stream, idle_category, idle_time, idle_time_ratio }) => ({
          rank,
          stream,
          idle_category,
          idle_us: idle_time,
          idle_ratio: idle_time_ratio,
        })),
    )
    const described = ({ '25%': p25, '50%': p50, '75%': p75, ...row }: Rows[number]) =>
      Object.fromEntries(Object.entries({ ...row, p25, p50, p75 }).map(([key, value]) => [key, close(value)]))
    expect(kernels.queue_length).toEqual(theirs.queue_length?.map(described))
    expect(kernels.memory_bandwidth).toEqual(theirs.memory_bandwidth?.map(described))
    expect(kernels.critical_path.map(({ name, ...path }) => path)).toEqual(theirs.critical_path)
    expect(kernels.critical_path).toHaveLength(plan.ranks * Math.max(1, plan.steps - 1))
  })

  test('ranks that keep the others waiting', async () => {
    const folder = tempFolder()
    // HTA knows communication by its older name only.
    write(join(folder, 'profile'), { seed: 6, ranks: 4, steps: 6, launchesPerStep: 40, sync: true }, (text) =>
      text.replaceAll('ncclDevKernel', 'ncclKernel'),
    )
    const theirs = await hta<Record<string, number>>('--stragglers', join(folder, 'profile'))
    const { stragglers } = await ours(folder, 'profile')
    expect(Object.fromEntries(stragglers.map(({ rank, times }) => [rank, times]))).toEqual(theirs)
    expect(new Set(Object.values(theirs)).size).toBeGreaterThan(1)
  })

  test('sequences of kernels that operators launch again and again', async () => {
    const folder = tempFolder()
    mkdirSync(join(folder, 'profile'))
    writeFileSync(join(folder, 'profile', 'trace_0.json'), JSON.stringify(sequenceTrace()))
    const theirs = await hta<Rows>('--sequences', join(folder, 'profile'), 'aten::')
    const { kernel_sequences } = await ours(folder, 'profile')
    expect(kernel_sequences).toEqual(
      theirs.map((row) => ({
        rank: row.rank,
        pattern: row.pattern,
        count: row.count,
        gpu_us: row['GPU kernel duration (us)'],
        cpu_us: row['CPU op duration (us)'],
      })),
    )
    expect(kernel_sequences.map(({ count }) => count)).toEqual([12, 6, 4])
  })

  test('the difference of two traces', async () => {
    const folder = tempFolder()
    write(join(folder, 'a'), { seed: 4, ranks: 1, steps: 2, launchesPerStep: 30, sync: false })
    write(join(folder, 'b'), { seed: 5, ranks: 2, steps: 3, launchesPerStep: 33, sync: true })
    const theirs = await hta<Record<string, string[]>>(join(folder, 'a'), join(folder, 'b'))
    for (const name of ['a', 'b']) {
      expect((await layerline(folder, ['import', name, '--out', `${name}.run`, '--quiet'])).code).toBe(0)
    }
    const { stdout } = await layerline(folder, ['compare', 'a.run', 'b.run', '--rules', 'hta', '--json'])
    const { ops } = JSON.parse(stdout) as { ops: Record<string, string[]> }
    const sorted = (lists: Record<string, string[]>) =>
      Object.fromEntries(Object.entries(lists).map(([key, names]) => [key, [...names].sort()]))
    expect(sorted(ops)).toEqual(sorted(theirs))
    expect(ops.increased?.length).toBeGreaterThan(0)
    expect(ops.added?.length).toBeGreaterThan(0)
  })
})
