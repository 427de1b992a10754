import { randomStream } from '../../src/base/random-stream.ts'

export interface TrainingPlan {
  readonly seed: number
  readonly rank: number
  readonly ranks: number
  /** ProfilerSteps; HTA drops the last of two or more. */
  readonly steps: number
  readonly launchesPerStep: number
  /** Synchronise the device at the end of each step, with the profiler's sync events. */
  readonly sync: boolean
}

interface Event {
  readonly [key: string]: unknown
}

const PID = 900
const COMPUTE = ['gemm_kernel', 'void elementwise<float>(float*)', 'softmax_warp_forward', 'layer_norm_kernel']

/**
 * A profile of training steps, small, with what HTA looks for: operators around launches, computation on stream 7,
 * communication on stream 20, copies on both, ProfilerSteps, fractions of µs. No two times on a stream are the same in
 * whole µs, so that no figure depends on how equal times are sorted.
 */
export function trainingTrace(plan: TrainingPlan): { traceEvents: Event[]; [key: string]: unknown } {
  const random = randomStream('training-trace', plan.seed, plan.rank)
  const events: Event[] = []
  const add = (cat: string, name: string, pid: number, tid: number, ts: number, dur: number, args: Event = {}) =>
    events.push({ ph: 'X', cat, name, pid, tid, ts: round(ts), dur: round(dur), args })
  let us = 1_000_000 + plan.rank * 17.25
  let correlation = 100
  const free = new Map([
    [7, us],
    [20, us],
  ])
  events.push({ ph: 'M', name: 'process_name', pid: PID, tid: 0, ts: us, args: { name: 'python' } })
  for (let step = 0; step < plan.steps; step++) {
    const begin = us
    const inside: (() => void)[] = []
    us += 5
    for (let i = 0; i < plan.launchesPerStep; i++) {
      const id = ++correlation
      const kind = random.uniform()
      const [stream, name, call, cat] =
        kind < 0.7
          ? [7, random.pick(COMPUTE), 'cudaLaunchKernel', 'kernel']
          : kind < 0.85
            ? [20, 'ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevComm*)', 'cudaLaunchKernelExC', 'kernel']
            : [
                7,
                random.pick(['Memcpy HtoD (Pinned -> Device)', 'Memset (Device)']),
                random.pick(['cudaMemcpyAsync', 'cudaMemsetAsync']),
                'gpu_memcpy',
              ]
      const pause = random.uniform() < 0.2 ? 60 + random.below(100) : 6 + random.below(5)
      const opened = us + random.uniform()
      // Calls begin in odd whole µs, kernels in even ones, as HTA rounds them: no launch and start are at the same time.
      const launch = evenAfter(opened + 2) + 1 - random.uniform() * 0.9
      const launched = 3 + random.uniform() * 2
      const ended = launch + launched + 1.5
      const start =
        evenAfter(Math.max(launch + launched + 3 + random.below(6), (free.get(stream as number) as number) + 2.3)) -
        random.uniform() * 0.9
      const duration = 5 + random.uniform() * (stream === 20 ? 120 : 40)
      free.set(stream as number, start + duration)
      const bytes = cat === 'gpu_memcpy' ? { bytes: 4096 * (1 + random.below(100)) } : {}
      inside.push(() => {
        add('cpu_op', `aten::op${random.below(6)}`, PID, PID, opened, ended - opened, { 'External id': id })
        add('cpu_op', 'aten::inner', PID, PID, opened + 0.8, ended - opened - 1.2, { 'External id': id })
        add('cuda_runtime', call as string, PID, PID, launch, launched, { 'External id': id, correlation: id })
        add(cat as string, name as string, 0, stream as number, start, duration, {
          device: 0,
          stream,
          correlation: id,
          ...bytes,
          ...(cat === 'gpu_memcpy'
            ? { 'memory bandwidth (GB/s)': (bytes.bytes as number) / (round(duration) * 1000) }
            : {}),
        })
      })
      us = ended + pause
    }
    if (plan.sync) {
      const id = ++correlation
      const from = us
      const last = Math.max(...free.values())
      const until = Math.max(from + 5, last + 4)
      inside.push(() => {
        add('cuda_runtime', 'cudaStreamSynchronize', PID, PID, from, until - from, { correlation: id })
        add('cuda_sync', 'Stream Sync', 0, 7, from + 1, Math.max(1.5, (free.get(7) as number) + 2 - from - 1), {
          device: 0,
          stream: 7,
          correlation: id,
        })
      })
      us = until + 3
      // What runs after the wait must not begin before it.
      for (const stream of free.keys()) free.set(stream, Math.max(free.get(stream) as number, from))
    }
    add('user_annotation', `ProfilerStep#${step + 5}`, PID, PID, begin, us - begin, { 'External id': ++correlation })
    for (const write of inside) write()
    us += 8
  }
  return {
    schemaVersion: 1,
    distributedInfo: { backend: 'nccl', rank: plan.rank, world_size: plan.ranks },
    baseTimeNanoseconds: 1_790_857_026_000_000_000,
    traceEvents: events,
  }
}

function evenAfter(us: number): number {
  return 2 * Math.ceil(us / 2) + 2
}

function round(us: number): number {
  return Math.round(us * 1000) / 1000
}
