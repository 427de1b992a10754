import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Kernels } from '../src/analysis/kernels/kernels.ts'
import { layerline } from './support/cli.ts'

/** us between the steps' starts. */
const EVERY_US = 1000

/**
 * A rank of an engine: a prefill of two kernels, a mixed step of one whose clock is 2 µs behind, ten decodes that
 * replay a graph of three kernels, the fourth of them three times as long. The second rank ends the mixed step 7 µs
 * later.
 */
function engineTrace(rank: number) {
  const events: object[] = []
  let correlation = 0
  const add = (cat: string, name: string, tid: number, ts: number, dur: number, args: object = {}) =>
    events.push({ ph: 'X', cat, name, pid: cat === 'kernel' ? 0 : 9, tid, ts, dur, args })
  const step = (k: number, name: string, dur: number) => {
    add('user_annotation', name, 9, k * EVERY_US, dur)
    return k * EVERY_US
  }
  const launch = (at: number, call: string, ...kernels: [name: string, ts: number, dur: number][]) => {
    add('cuda_runtime', call, 9, at, 3, { correlation: ++correlation })
    for (const [name, ts, dur] of kernels) add('kernel', name, 7, ts, dur, { stream: 7, device: 0, correlation })
  }
  const prefill = step(1, 'execute_context_2(100)_generation_0(0)', 100)
  launch(prefill + 5, 'cudaLaunchKernel', ['gemm', prefill + 10, 20])
  launch(prefill + 40, 'cudaLaunchKernel', ['norm', prefill + 50, 10])
  const mixed = step(2, 'execute_context_1(6)_generation_2(2)', 80 + rank * 7)
  launch(mixed + 20, 'cudaLaunchKernel', ['gemm', mixed + 18, 30])
  for (let k = 3; k < 13; k++) {
    const decode = step(k, 'execute_context_0(0)_generation_3(3)', k === 6 ? 300 : 100)
    launch(
      decode + 10,
      'cudaGraphLaunch',
      ['gemm', decode + 20, 20],
      ['norm', decode + 45, 15],
      ['gemm', decode + 60, 20],
    )
  }
  return {
    schemaVersion: 1,
    distributedInfo: { rank, world_size: 2 },
    baseTimeNanoseconds: 1_790_857_026_000_000_000,
    traceEvents: events,
  }
}

const folder = mkdtempSync(join(tmpdir(), 'layerline-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let kernels: Kernels
beforeAll(async () => {
  mkdirSync(join(folder, 'profile'))
  for (const rank of [0, 1])
    writeFileSync(join(folder, 'profile', `rank${rank}.json`), JSON.stringify(engineTrace(rank)))
  expect((await layerline(folder, ['import', 'profile', '--out', 'run', '--quiet'])).code).toBe(0)
  kernels = JSON.parse((await layerline(folder, ['report', 'run', '--json'])).stdout).kernels
})

test('prefill, mixed and decode steps apart: tokens, kernels and launches, gaps and why', () => {
  expect(kernels.steps).toMatchObject([
    // 10 to 60 µs; nothing ran from 30 to 50, because the call came at 40.
    {
      ...{ kind: 'prefill', steps: 2, prefill_tokens: 200, decode_tokens: 0, median_ms: 0.1, ms_per_token: 0.001 },
      ...{ kernels_per_step: 2, launches_per_step: 2, graph_kernels: 0, before_launch: 0 },
      ...{ gap_share: 0.4, busy_share: 0.6, launch_bound_share: 0.4 },
    },
    // 20 to 80 µs of three kernels of one call; 40 to 45 nothing ran, all had been launched.
    {
      ...{ kind: 'decode', steps: 20, prefill_tokens: 0, decode_tokens: 60, kernels_per_step: 3, launches_per_step: 1 },
      ...{ graph_kernels: 60, before_launch: 0, gap_share: expect.closeTo(5 / 60, 9), launch_bound_share: 0 },
    },
    {
      kind: 'mixed',
      steps: 2,
      prefill_tokens: 12,
      decode_tokens: 4,
      kernels_per_step: 1,
      before_launch: 2,
      gap_share: 0,
    },
  ])
})

test('a kernel before its launch is said, not hidden', () => {
  // Of all kernels that a call launched: two ranks with 2 + 1 + 30.
  expect(kernels.clock_skew).toEqual({ launches: 66, negative: 2, worst_us: -2 })
})

test('the rank that ends late, and the step that takes long, are named', () => {
  expect(kernels.late_ranks).toEqual([
    { rank: 1, steps: 12, last: 1, median_late_us: 0, max_late_us: 7 },
    { rank: 0, steps: 12, last: 0, median_late_us: 0, max_late_us: 0 },
  ])
  expect(kernels.slow_steps).toMatchObject([
    { kind: 'decode', tokens: 3, dur_ms: 0.3, times_median: 3 },
    { kind: 'decode', tokens: 3, dur_ms: 0.3, times_median: 3 },
  ])
})
