import type { RunReader } from '../../../store/read/run-reader.ts'

/** Slices that last so long that a window's query could not find them by their start; sorted by track and time. */
export interface LongSlices {
  /** They last at least this long; a window's query looks back so far. */
  readonly fromNs: number
  readonly rows: number
  readonly track: Uint32Array
  readonly t: Float64Array
  readonly dur: Float64Array
  readonly name: Uint32Array
  readonly id: Uint32Array
}

/** Never above: `mips` leaves slices of more than 1024 of its finest bins (4.2 s) to us. */
const THRESHOLDS_NS = [1e6, 1e7, 1e8, 1e9] as const
const FEW = 100_000
/** More are refused: their rows would take more memory than the page may. */
const MOST = 4_000_000

/** Reads the slices above the lowest limit that few of them pass. */
export async function readLongSlices(reader: RunReader, slices: number): Promise<LongSlices> {
  let fromNs: number = THRESHOLDS_NS[THRESHOLDS_NS.length - 1] as number
  if (slices > 0) {
    const counts = THRESHOLDS_NS.map((limit, i) => `count(*) FILTER (dur_ns >= ${limit}) AS n${i}`)
    const [row] = await reader.query(`SELECT ${counts.join(', ')} FROM slices`)
    fromNs = THRESHOLDS_NS.find((_, i) => Number(row?.[`n${i}`]) <= FEW) ?? fromNs
  }
  const parts = {
    track: [] as number[],
    t: [] as number[],
    dur: [] as number[],
    name: [] as number[],
    id: [] as number[],
  }
  if (slices > 0) {
    const sql = `SELECT track_id, t_ns, dur_ns, name_id, slice_id FROM slices WHERE dur_ns >= ${fromNs} ORDER BY track_id, t_ns LIMIT ${MOST}`
    for await (const { rows, columns } of reader.numbers(sql)) {
      const [track, t, dur, name, id] = columns as [Uint32Array, Float64Array, Float64Array, Uint32Array, Uint32Array]
      for (let i = 0; i < rows; i++) {
        parts.track.push(track[i] as number)
        parts.t.push(t[i] as number)
        parts.dur.push(dur[i] as number)
        parts.name.push(name[i] as number)
        parts.id.push(id[i] as number)
      }
    }
  }
  return {
    fromNs,
    rows: parts.track.length,
    track: Uint32Array.from(parts.track),
    t: Float64Array.from(parts.t),
    dur: Float64Array.from(parts.dur),
    name: Uint32Array.from(parts.name),
    id: Uint32Array.from(parts.id),
  }
}
