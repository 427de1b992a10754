import { createRunClock, unixMinusMonotonic } from '../../src/base/time.ts'
import type { SourceContext } from '../../src/sources/source.ts'
import type { HostProvenance } from '../../src/trace/run-json.ts'
import { clocks, counters, slices, tracks } from '../../src/trace/tables.ts'
import { memoryRows } from './memory-rows.ts'

/** A run's end of a source, kept in memory. */
export function memoryContext() {
  const clock = createRunClock()
  const rows = {
    tracks: memoryRows(tracks),
    counters: memoryRows(counters),
    slices: memoryRows(slices),
    clocks: memoryRows(clocks),
  }
  const { offsetNs, uncertaintyNs } = unixMinusMonotonic()
  const unix = { offsetNs: Number(offsetNs + clock.monotonicBaseNs - clock.epochUnixNs), uncertaintyNs }
  const names: string[] = []
  const notes: string[] = []
  const hosts: HostProvenance[] = []
  const declared: string[] = []
  const profiled: [number, number | null][] = []
  const lost: Record<string, number> = {}
  let ids = 0
  const context: SourceContext = {
    runId: 'run',
    clock,
    writers: {
      tracks: rows.tracks.writer,
      counters: rows.counters.writer,
      slices: rows.slices.writer,
      clocks: rows.clocks.writer,
    },
    trackId: () => ++ids,
    sliceId: () => ++ids,
    nameId: (text) => (names.includes(text) ? names.indexOf(text) : names.push(text) - 1),
    unixOffset: () => unix,
    declareClock: (name) => declared.push(name),
    countLost: (table, rows) => {
      lost[table] = (lost[table] ?? 0) + rows
    },
    declareHost: (host) => hosts.push(host),
    profiled: (fromNs, toNs) => void profiled.push([fromNs, toNs]),
    note: (text) => notes.push(text),
  }
  const gaps = () => rows.slices.rows().map((slice) => ({ ...slice, name: names[slice.name_id] }))
  return {
    context,
    notes,
    hosts,
    declared,
    profiled,
    /** Rows that a source says it could not get, by table. */
    lost,
    clocks: () => rows.clocks.rows(),
    tracks: () => rows.tracks.rows(),
    /** Gap slices with their reasons. */
    gaps,
    /** Gaps with a reason: those without are pauses, as a busy machine makes them. */
    outages: () => gaps().filter(({ name }) => name !== 'no samples came'),
    samples: () => rows.counters.rows(),
    /** Samples of a track by name, of one device where several have it. */
    of(name: string, device = ''): { t_ns: number; value: number | null }[] {
      const ids = new Set(
        rows.tracks
          .rows()
          .filter((track) => track.name === name && (track.device ?? '').startsWith(device))
          .map((track) => track.track_id),
      )
      return rows.counters.rows().filter((row) => ids.has(row.track_id))
    },
    /** Unix seconds of a run time. */
    unixS: (tNs: number): number => (Number(clock.epochUnixNs / 1000n) + (tNs + unix.offsetNs) / 1000) / 1e6,
  }
}

/** Waits until something holds; false where it does not in time. */
export async function until(holds: () => boolean, ms = 300_000): Promise<boolean> {
  const end = performance.now() + ms
  while (!holds()) {
    if (performance.now() > end) return false
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return true
}
