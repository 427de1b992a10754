import type { RunReader } from '../../../store/read/run-reader.ts'
import { type Columns, columnsOf, pushRow } from './columns.ts'
import { Lanes } from './lanes.ts'
import { tileSpan } from './levels.ts'
import type { LongSlices } from './long-slices.ts'

const MOST_LANES = 64
const ITEM_COLUMNS = ['track', 'depth', 't_ns', 'dur_ns', 'busy_ns', 'name', 'n', 'id']

export type Item = [track: number, t: number, dur: number, name: number, id: number]

/**
 * Slices of a tile one by one, by track: those of a pixel or more as they are, shorter ones summed for their lane and pixel (`n` of them that
 * start there, `busy_ns` together, the name with most time). A slice that reaches over tiles is in each of them, with its busy time there.
 */
export async function sliceItems(
  reader: RunReader,
  long: LongSlices,
  level: number,
  index: number,
  tracks: readonly number[],
): Promise<Map<number, Columns>> {
  const { fromNs, toNs } = tileSpan(level, index)
  const byTrack = new Map<number, Item[]>(tracks.map((track) => [track, []]))
  if (tracks.length > 0) {
    const sql = `SELECT track_id, t_ns, dur_ns, name_id, slice_id FROM slices
      WHERE t_ns >= ${fromNs - long.fromNs} AND t_ns < ${toNs} AND dur_ns < ${long.fromNs} AND t_ns + dur_ns >= ${fromNs} AND track_id IN (${tracks.join(', ')})`
    for await (const { rows, columns } of reader.numbers(sql, true)) {
      const [track, t, dur, name, id] = columns as [Uint32Array, Float64Array, Float64Array, Uint32Array, Uint32Array]
      for (let i = 0; i < rows; i++) {
        const items = byTrack.get(track[i] as number)
        items?.push([track[i] as number, t[i] as number, dur[i] as number, name[i] as number, id[i] as number])
      }
    }
    for (let i = 0; i < long.rows; i++) {
      const [t, dur] = [long.t[i] as number, long.dur[i] as number]
      if (t >= toNs || t + dur < fromNs) continue
      const track = long.track[i] as number
      byTrack.get(track)?.push([track, t, dur, long.name[i] as number, long.id[i] as number])
    }
  }
  return new Map([...byTrack].map(([track, items]) => [track, laidOut(items, level, index)]))
}

interface Cell {
  lane: number
  bin: number
  n: number
  busy: number
  t: number
  dur: number
  name: number
  nameBusy: number
  id: number
}

/** Sorts, gives lanes, and sums what is shorter than a pixel. */
export function laidOut(items: Item[], level: number, index: number): Columns {
  const { fromNs, toNs, width } = tileSpan(level, index)
  items.sort((a, b) => a[1] - b[1] || b[2] - a[2] || a[4] - b[4])
  const lanes = new Lanes(MOST_LANES)
  const out = columnsOf(...ITEM_COLUMNS)
  const cells = new Map<number, Cell>()
  for (const [track, t, dur, name, id] of items) {
    const lane = lanes.take(t, t + dur)
    const first = Math.floor(t / width) * width
    const busy = Math.max(0, Math.min(t + dur, toNs) - Math.max(t, fromNs))
    const starts = t >= fromNs && t < toNs ? 1 : 0
    if (dur >= width || Math.floor((t + dur) / width) * width !== first) {
      pushRow(out, track, lane, t, dur, busy, name, starts, id)
      continue
    }
    const bin = Math.floor(t / width) - index * 512
    const key = lane * 1024 + bin
    const cell = cells.get(key)
    if (cell === undefined) cells.set(key, { lane, bin, n: 1, busy, t, dur, name, nameBusy: dur, id })
    else {
      cell.n++
      cell.busy += busy
      if (dur > cell.nameBusy) Object.assign(cell, { name, nameBusy: dur, id })
    }
  }
  const track = items[0]?.[0] ?? 0
  for (const { lane, bin, n, busy, t, dur, name, id } of cells.values()) {
    const [start, length] = n === 1 ? [t, dur] : [fromNs + bin * width, width]
    pushRow(out, track, lane, start, length, busy, name, n, id)
  }
  return out
}
