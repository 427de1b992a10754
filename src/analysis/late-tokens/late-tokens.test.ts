import { afterEach, describe, expect, it } from 'vitest'
import { lateRun } from '../../../test/support/late-run.ts'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { usualGaps } from '../../../test/support/usual-gaps.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { LATE_CAUSES, type LateCause } from './causes.ts'
import { explainLate } from './explain.ts'
import { lateTokens } from './late-tokens.ts'
import { readGaps } from './read-gaps.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

async function runOf(tables: Tables): Promise<RunReader> {
  const reader = await memoryRun(tables)
  open.push(reader)
  return reader
}

const gapsOf = async (reader: RunReader) => readGaps(reader, await usualGaps(reader))
const lateOf = async (reader: RunReader) => lateTokens(reader, await usualGaps(reader))

/** Late tokens by the cause claimed for them. */
async function claims(cause: LateCause | null, seed: number) {
  const { tables, stalls } = lateRun(cause, seed)
  const gaps = await gapsOf(await runOf(tables))
  const explained = explainLate(gaps ?? { late: [], onTime: [] })
  return explained.map(({ gap, claimed }) => ({
    claimed,
    stalled: stalls.some(({ fromNs, toNs }) => fromNs < gap.toNs && toNs > gap.fromNs),
  }))
}

describe('late tokens', () => {
  it.each(LATE_CAUSES.map((cause) => [cause]))(
    '%s: is claimed for nearly all that it made late, and no other',
    async (cause) => {
      const late = await claims(cause, 1)
      expect(late.length).toBeGreaterThan(35)
      const right = late.filter(({ claimed, stalled }) => stalled && claimed === cause).length
      expect(right / late.filter(({ stalled }) => stalled).length).toBeGreaterThanOrEqual(0.9)
      expect(right / late.filter(({ claimed }) => claimed !== null).length).toBeGreaterThanOrEqual(0.9)
    },
  )

  it('of stalls that nothing shows, nothing is claimed for more than one in twenty', async () => {
    const late = (await Promise.all([1, 2, 3].map((seed) => claims(null, seed)))).flat()
    expect(late.length).toBeGreaterThan(120)
    expect(late.filter(({ claimed }) => claimed !== null).length).toBeLessThanOrEqual(late.length * 0.05)
  })

  it('the report adds up: parts, tokens and shares', async () => {
    const report = await lateOf(await runOf(lateRun('throttled', 4).tables))
    if (report === null) throw new Error('no report')
    expect(report.itl_median_ms).toBeGreaterThan(19)
    expect(report.itl_median_ms).toBeLessThan(21)
    expect(report.late).toBe(report.looked_at)
    expect(report.causes.reduce((sum, { tokens }) => sum + tokens, report.unclaimed)).toBe(report.looked_at)
    expect(report.causes.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(report.explained_share)
    expect(report.causes[0]).toMatchObject({ cause: 'throttled' })
    expect(report.not_looked_for).toEqual([])
    expect(report.longest[0]?.gap_ms).toBeGreaterThan(report.longest[1]?.gap_ms ?? 0)
    const [engine] = report.threads
    expect(engine).toMatchObject({ process: '7 engine', thread: null, on_time: { blocked: null } })
    // The engine did not run while it was stopped: it ran less than for on-time tokens.
    expect(engine?.excess_ms.on_cpu).toBeLessThan(-report.late_ms)
  })

  it('without samples only what the client saw can be claimed, and the report says what was not looked for', async () => {
    const { requests, chunks } = lateRun('stopped', 5).tables
    const report = await lateOf(await runOf({ requests, chunks }))
    expect(report?.causes.filter(({ tokens }) => tokens > 0)).toEqual([])
    expect(report?.not_looked_for).toEqual(['preempted', 'stopped', 'throttled', 'stolen', 'storage', 'cpu_wait'])
    expect(report?.threads).toEqual([])
  })

  it('without the host layer the threads that the kernel saw explain, whichever of them waited', async () => {
    const { tables, stalls } = lateRun(null, 6)
    const tracks = (tables.tracks ?? []).filter(({ name }) => name !== 'run_queue_wait_any_ns')
    const counters = tables.counters ?? []
    const thread = (name: string, text: string, value: (from: number, to: number) => number) => {
      const track_id = 100 + tracks.length
      tracks.push({ track_id, layer: 'os', name, process: '7 engine', thread: text })
      for (let t = 100e6; t < 25e9; t += 100e6) {
        const added = value(t - 100e6, t)
        if (added > 0) counters.push({ track_id, t_ns: t, value: added })
      }
    }
    const stalled = (from: number, to: number) =>
      stalls.reduce((sum, s) => sum + Math.max(0, Math.min(to, s.toNs) - Math.max(from, s.fromNs)), 0)
    thread('on_cpu_ns', '7 main', () => 50e6)
    thread('blocked_ns', '8 worker', (from, to) => 100e6 - stalled(from, to))
    thread('run_queue_wait_ns', '8 worker', stalled)
    // Other threads that wait at the same time change nothing.
    thread('run_queue_wait_ns', '9 other', (from, to) => stalled(from, to) / 2)
    const report = await lateOf(await runOf({ ...tables, tracks, counters }))
    expect(report?.causes[0]).toMatchObject({ cause: 'cpu_wait' })
    expect(report?.causes[0]?.tokens).toBeGreaterThanOrEqual(0.9 * (report?.looked_at ?? 0))
    expect(report?.threads.map((each) => each.thread)).toEqual(['7 main', '8 worker', '9 other'])
    const worker = report?.threads[1]
    expect(worker?.late.on_cpu).toBeNull()
    // Blocked or waiting is all that it does: the one is what the other is not, but for the last, unsampled moment of the run.
    expect(Math.abs((worker?.excess_ms.blocked ?? 0) + (worker?.excess_ms.cpu_wait ?? 0))).toBeLessThan(
      0.02 * (report?.late_ms ?? 0),
    )
    expect(worker?.excess_ms.cpu_wait).toBeGreaterThan(0.8 * (report?.late_ms ?? 0))
  })

  it("the engine's log tells whose prompts and preemptions it were", async () => {
    const { tables, stalls } = lateRun(null, 7)
    const strings = ['decode', 'mixed', 'chunked prefill', 'preempted'].map((text, id) => ({ id, text }))
    const half = stalls.filter((_, i) => i % 2 === 0)
    const slices: NonNullable<Tables['slices']> = []
    const add = (more: Record<string, number | string>) =>
      slices.push({ slice_id: slices.length + 1, track_id: 99, ...more })
    for (let t = 0; t < 25e9; t += 20e6) add({ t_ns: t, dur_ns: 19e6, name_id: 0, category: 'step' })
    for (const [i, { fromNs, toNs }] of half.entries()) {
      const step = slices.length + 1
      const place = { t_ns: fromNs, dur_ns: toNs - fromNs }
      add({ ...place, name_id: 1, category: 'step', step_id: step })
      // Every second of these steps decodes request 0 anew, which has had its first token.
      add({ ...place, name_id: 2, category: 'scheduled', step_id: step, request_id: i % 2 === 0 ? 0 : 50 })
    }
    const report = await lateOf(await runOf({ ...tables, strings, slices }))
    const tokens = (cause: LateCause) => report?.causes.find((each) => each.cause === cause)?.tokens ?? 0
    const quarter = (report?.looked_at ?? 0) / 4
    for (const cause of ['prefill', 'preempted'] as const) {
      expect(tokens(cause)).toBeGreaterThan(0.8 * quarter)
      expect(tokens(cause)).toBeLessThan(1.2 * quarter)
    }
  })

  it('a preemption is of the gap in which its request runs again, however late the token before it came', async () => {
    const { tables, stalls } = lateRun(null, 8)
    const strings = ['decode', 'preempted'].map((text, id) => ({ id, text }))
    const slices: NonNullable<Tables['slices']> = [
      { slice_id: 1, track_id: 99, t_ns: 0, dur_ns: 19e6, name_id: 0, category: 'step' },
    ]
    for (const { fromNs, toNs } of stalls) {
      const of = { track_id: 99, request_id: 1, dur_ns: 0 }
      // Two tokens before the gap.
      slices.push({ ...of, slice_id: slices.length + 1, t_ns: fromNs - 45e6, name_id: 1, category: 'preemption' })
      slices.push({ ...of, slice_id: slices.length + 1, t_ns: toNs - 3e6, name_id: 0, category: 'scheduled' })
    }
    const gaps = await gapsOf(await runOf({ ...tables, strings, slices }))
    const explained = explainLate(gaps ?? { late: [], onTime: [] })
    const claimed = (request: number) =>
      explained.filter(({ gap, claimed }) => gap.requestId === request && claimed === 'preempted').length
    expect(claimed(1)).toBe(explained.filter(({ gap }) => gap.requestId === 1).length)
    expect(claimed(1)).toBeGreaterThan(10)
    expect(claimed(0) + claimed(2)).toBe(0)
  })

  it('few tokens have no late ones', async () => {
    expect(await lateOf(await runOf({}))).toBeNull()
  })
})
