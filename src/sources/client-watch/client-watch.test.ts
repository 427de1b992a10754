import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { memoryRows } from '../../../test/support/memory-rows.ts'
import { createRunClock } from '../../base/time.ts'
import { counters, tracks } from '../../trace/tables.ts'
import { beyondResolution, startClientWatch } from './client-watch.ts'

/** Values of each track by name, of a watch during `work`. */
async function watched(work: () => Promise<void>): Promise<Map<string, (number | null)[]>> {
  const trackRows = memoryRows(tracks)
  const counterRows = memoryRows(counters)
  let ids = 0
  const sinks = { tracks: trackRows.writer, counters: counterRows.writer }
  const watch = startClientWatch({ clock: createRunClock(), trackIds: () => ++ids }, sinks)
  await work()
  watch.stop()
  const rows = counterRows.rows()
  await sleep(30)
  expect(counterRows.rows().length).toBe(rows.length)
  return new Map(
    trackRows
      .rows()
      .map((track) => [track.name, rows.filter((row) => row.track_id === track.track_id).map((row) => row.value)]),
  )
}

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('the client watch', () => {
  it('counts only what is beyond its own period', () => {
    expect(beyondResolution(10_100_000)).toBe(100_000)
    expect(beyondResolution(9_900_000)).toBe(0)
    expect(beyondResolution(110_000_000)).toBe(100_000_000)
  })

  it('sees a blocked loop in the window that it happens in, at its edges too', async () => {
    const seen = await watched(async () => {
      await sleep(300)
      block(120)
      // Up to just past the end of the first window, where one monitor hands over to the other.
      await sleep(585)
      block(120)
      await sleep(500)
    })
    const worst = (seen.get('event_loop_delay_max_ns') ?? []).map((ns) => (ns ?? 0) / 1e6)
    expect(worst.length).toBe(2)
    for (const ms of worst) expect(ms).toBeGreaterThan(100)
    const median = seen.get('event_loop_delay_p50_ns') ?? []
    for (const ns of median) expect(ns ?? 0).toBeLessThan(100e6)
  })

  it('sums CPU time and utilization as the process counts them', async () => {
    const before = process.cpuUsage()
    const started = performance.now()
    const seen = await watched(async () => {
      await sleep(100)
      block(400)
      await sleep(10)
    })
    const used = process.cpuUsage(before)
    const wallMs = performance.now() - started
    const [cores] = seen.get('cpu_cores') ?? []
    expect(seen.get('cpu_cores')).toHaveLength(1)
    const [utilization] = seen.get('event_loop_utilization_ratio') ?? []
    // The oracle also covers the few ms around the watch.
    expect((cores ?? 0) * wallMs).toBeGreaterThan(((used.user + used.system) / 1000) * 0.8)
    expect((cores ?? 0) * wallMs).toBeLessThan(((used.user + used.system) / 1000) * 1.5)
    expect(utilization).toBeGreaterThan(0.3)
    expect(utilization).toBeLessThanOrEqual(1)
  })

  it('sums garbage collection', async () => {
    const collect = globalThis.gc
    const garbage: unknown[] = []
    const seen = await watched(async () => {
      await sleep(60)
      if (collect) collect()
      else for (let i = 0; i < 300; i++) garbage[i % 20] = Array.from({ length: 20_000 }, (_, j) => ({ j }))
      await sleep(20)
    })
    const pauses = (seen.get('gc_pause_ns') ?? []).reduce<number>((sum, ns) => sum + (ns ?? 0), 0)
    expect(pauses).toBeGreaterThan(0)
    expect(garbage.length).toBeLessThanOrEqual(20)
  })
})
