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

/** Runs HTA on folders of traces; not in a folder of the project, where Python could find other modules. */
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

interface TraceEvent {
  name: string
  cat?: string
  pid: number
  tid: number
  ts: number
  dur: number
  args: Record<string, unknown>
}

/** A change to the events of a trace in its text. */
const withEvents = (change: (events: TraceEvent[]) => TraceEvent[]) => (text: string) => {
  const trace = JSON.parse(text) as { traceEvents: TraceEvent[] }
  // HTA finds a file's rank by its lines.
  return JSON.stringify({ ...trace, traceEvents: change(trace.traceEvents) }, null, 1)
}

const BANDWIDTH = 'memory bandwidth (GB/s)'

/** Copies whose profiler measured other GB/s than bytes by the duration. No two sums of them are the same by rounding. */
const ownBandwidths = withEvents((events) => {
  let copies = 0
  return events.map((event) => {
    if (event.args?.[BANDWIDTH] === undefined) return event
    copies++
    return { ...event, args: { ...event.args, [BANDWIDTH]: 8 + ((copies * 37) % 91) / 16 + 1 / 8192 } }
  })
})

/** Kernels on stream 7 start up to 9 µs before the one before them ends. */
const overlapping = withEvents((events) =>
  events.map((event, i) =>
    event.cat === 'kernel' && event.tid === 7 && i % 3 === 0 ? { ...event, dur: event.dur + 9 } : event,
  ),
)

/** Every kind of wait that CUDA's profiler writes, most with the stream that it is about. */
const moreSyncs = withEvents((events) =>
  events.flatMap((event, i) => {
    if (event.cat !== 'kernel' || i % 5 > 2) return [event]
    const [name, stream] = (
      [
        ['Stream Wait Event', event.tid],
        ['Event Sync', event.tid],
        ['Context Sync', -1],
      ] as const
    )[i % 5] as [string, number]
    const correlation = 90_000 + i
    const call =
      { 'Stream Wait Event': 'cudaStreamWaitEvent', 'Event Sync': 'cudaEventSynchronize' }[name] ??
      'cudaDeviceSynchronize'
    const at = event.ts + event.dur
    return [
      event,
      { ...event, cat: 'cuda_runtime', name: call, pid: 900, tid: 901, ts: at + 1.25, dur: 2.5, args: { correlation } },
      {
        ...event,
        cat: 'cuda_sync',
        name,
        ts: at + 1.5,
        dur: 1.75,
        args: { stream, correlation, wait_on_stream: event.tid, wait_on_cuda_event_record_corr_id: -1 },
      },
    ]
  }),
)

/** The same work as MTIA's profiler writes it. */
const asMtia = withEvents((events) =>
  events.map((event) => {
    if (event.cat === 'cuda_runtime')
      return { ...event, cat: 'mtia_runtime', name: 'runFunction - job_prep_and_submit_for_execution' }
    return event.cat === 'kernel' || event.cat === 'gpu_memcpy' ? { ...event, cat: 'mtia_ccp_events' } : event
  }),
)

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
  return reported(folder, name)
}

async function reported(folder: string, name: string, ...more: string[]): Promise<HtaKernels> {
  const { stdout, code } = await layerline(folder, ['report', `${name}.run`, '--rules', 'hta', '--json', ...more])
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

  test.each<[string, Omit<TrainingPlan, 'rank'>, ((text: string) => string)?, string[]?]>([
    ['several steps, two ranks, with waits', { seed: 1, ranks: 2, steps: 3, launchesPerStep: 60, sync: true }],
    ['several steps, three ranks', { seed: 2, ranks: 3, steps: 4, launchesPerStep: 25, sync: false }],
    ['one step, one rank', { seed: 3, ranks: 1, steps: 1, launchesPerStep: 200, sync: true }],
    ['copies with GB/s of their own', { seed: 7, ranks: 2, steps: 3, launchesPerStep: 60, sync: true }, ownBandwidths],
    [
      'waits of every kind, with their streams',
      { seed: 8, ranks: 1, steps: 1, launchesPerStep: 60, sync: true },
      moreSyncs,
    ],
    [
      'kernels that overlap',
      { seed: 9, ranks: 1, steps: 1, launchesPerStep: 60, sync: false },
      overlapping,
      ['idle/negative'],
    ],
    ['MTIA', { seed: 10, ranks: 2, steps: 3, launchesPerStep: 40, sync: false }, asMtia],
  ])('%s', async (_, plan, change, codes = []) => {
    const folder = tempFolder()
    write(join(folder, 'profile'), plan, change)
    const theirs = await hta<Record<string, Rows>>(join(folder, 'profile'))
    const kernels = await ours(folder, 'profile')
    expect(kernels.source).toBe('kernels')
    expect(kernels.warnings.map(({ code }) => code)).toEqual(codes)
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
    // HTA has no path through what MTIA's runtime launched: it stops there.
    const isMtia = change === asMtia
    expect(kernels.critical_path.map(({ name, ...path }) => (isMtia ? { ...path, duration_us: null } : path))).toEqual(
      theirs.critical_path,
    )
    expect(kernels.critical_path).toHaveLength(plan.ranks * Math.max(1, plan.steps - 1))
  })

  test('critical paths of any annotation', async () => {
    const folder = tempFolder()
    write(join(folder, 'profile'), { seed: 11, ranks: 2, steps: 3, launchesPerStep: 20, sync: true })
    const whole = await ours(folder, 'profile')
    expect(whole.critical_path.map(({ name }) => name)).toEqual(
      Array(2).fill(['ProfilerStep#5', 'ProfilerStep#6']).flat(),
    )
    for (const annotation of ['aten::op3', 'cudaLaunchKernelExC', 'ProfilerStep#6', '']) {
      const theirs = await hta<Rows>('--paths', join(folder, 'profile'), annotation)
      const { critical_path } = await reported(folder, 'profile', '--annotation', annotation)
      expect(critical_path.map(({ name, ...path }) => path)).toEqual(theirs)
      expect(critical_path.length).toBeGreaterThan(1)
    }
    const { critical_path, warnings } = await reported(folder, 'profile', '--annotation', 'no such name')
    expect(critical_path).toEqual([])
    expect(warnings).toEqual([{ code: 'annotation/none', rank: null, stream: null, count: 0, us: null }])
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
    const sorted = (lists: Record<string, string[]>) =>
      Object.fromEntries(Object.entries(lists).map(([key, names]) => [key, [...names].sort()]))
    const compared = async (...more: string[]) => {
      const { stdout } = await layerline(folder, ['compare', 'a.run', 'b.run', '--rules', 'hta', '--json', ...more])
      return JSON.parse(stdout) as { iterations: unknown; device: string; ops: Record<string, string[]> }
    }
    const { ops, iterations } = await compared()
    expect(sorted(ops)).toEqual(sorted(theirs))
    expect(iterations).toEqual({ a: 5, b: 5 })
    expect(ops.increased?.length).toBeGreaterThan(0)
    expect(ops.added?.length).toBeGreaterThan(0)
    const differences = new Set<string>()
    for (const [given, both] of [
      ['6', '6,6'],
      ['5,7', '5,7'],
    ] as const) {
      for (const device of ['cpu', 'gpu', 'all']) {
        const chosen = await compared('--iteration', given, '--device', device)
        const those = await hta<Record<string, string[]>>(join(folder, 'a'), join(folder, 'b'), both, device)
        expect(sorted(chosen.ops)).toEqual(sorted(those))
        expect(chosen.device).toBe(device)
        differences.add(JSON.stringify(sorted(chosen.ops)))
      }
    }
    expect(differences.size).toBe(6)
    const none = await layerline(folder, ['compare', 'a.run', 'b.run', '--rules', 'hta', '--iteration', '7'])
    expect(none.code).toBe(2)
    expect(none.stdout).toBe('')
  })
})
