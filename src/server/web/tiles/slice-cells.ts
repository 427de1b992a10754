import type { RunReader } from '../../../store/read/run-reader.ts'
import { type Columns, columnsOf, pushRow } from './columns.ts'
import { MIP_LEVEL, TILE_BINS, tileSpan } from './levels.ts'
import type { LongSlices } from './long-slices.ts'

/** `mips` leaves slices over this many bins of a level to the coarser levels. */
const MIP_MAX_BINS = 1024

/**
 * Slices of a tile summed by SQL for each track and pixel: how many start there (`n`), the time they cover in it (`busy_ns`: the sum over
 * nested ones, as in `mips`), the name with most of it. From `mips` where it has the level, else from the slices.
 */
export async function sliceCells(
  reader: RunReader,
  long: LongSlices,
  level: number,
  index: number,
  tracks: readonly number[],
  hasMips: boolean,
): Promise<Map<number, Columns>> {
  const byTrack = new Map(tracks.map((track) => [track, columnsOf('track', 'bin', 'n', 'busy_ns', 'name')]))
  if (tracks.length === 0) return byTrack
  const fromMips = hasMips && level >= MIP_LEVEL
  const sums = new Map<number, { n: number; busy: number; name: number; top: number }>()
  const add = (track: number, bin: number, n: number, busy: number, name: number, top = busy) => {
    const key = track * TILE_BINS + bin
    const cell = sums.get(key)
    if (cell === undefined) sums.set(key, { n, busy, name, top })
    else {
      cell.n += n
      cell.busy += busy
      if (top > cell.top) Object.assign(cell, { name, top })
    }
  }
  const sql = fromMips ? mipsSql(level, index, tracks) : rawSql(long.fromNs, level, index, tracks)
  for await (const { rows, columns } of reader.numbers(sql, true)) {
    const [track, bin, n, busy, name] = columns as [Uint32Array, Uint32Array, Uint32Array, Float64Array, Uint32Array]
    for (let i = 0; i < rows; i++) {
      add(track[i] as number, bin[i] as number, n[i] as number, busy[i] as number, name[i] as number)
    }
  }
  const { fromNs, toNs, width } = tileSpan(level, index)
  for (let i = 0; i < long.rows; i++) {
    const [t, dur, track] = [long.t[i] as number, long.dur[i] as number, long.track[i] as number]
    if (t >= toNs || t + dur < fromNs || !byTrack.has(track)) continue
    const [first, last] = [Math.floor(t / width), Math.floor((t + dur) / width)]
    if (fromMips && last - first < MIP_MAX_BINS) continue
    const base = index * TILE_BINS
    for (let bin = Math.max(first, base); bin <= Math.min(last, base + TILE_BINS - 1); bin++) {
      const busy = Math.min(t + dur, (bin + 1) * width) - Math.max(t, bin * width)
      add(track, bin - base, bin === first ? 1 : 0, busy, long.name[i] as number)
    }
  }
  for (const [key, { n, busy, name }] of [...sums].sort(([a], [b]) => a - b)) {
    const track = Math.floor(key / TILE_BINS)
    pushRow(byTrack.get(track) as Columns, track, key % TILE_BINS, n, busy, name)
  }
  return byTrack
}

function mipsSql(level: number, index: number, tracks: readonly number[]): string {
  const base = index * TILE_BINS
  return `SELECT track_id::UINTEGER, (bin - ${base})::UINTEGER AS bin, n::UINTEGER, coalesce(busy_ns, 0), coalesce(top_name_id, 0)::UINTEGER FROM mips
    WHERE level = ${level} AND bin >= ${base} AND bin < ${base + TILE_BINS} AND track_id IN (${tracks.join(', ')}) AND busy_ns IS NOT NULL`
}

/** Of slices shorter than `longNs`; longer ones are added from memory. */
function rawSql(longNs: number, level: number, index: number, tracks: readonly number[]): string {
  const { fromNs, toNs, width } = tileSpan(level, index)
  const base = index * TILE_BINS
  return `WITH inside AS (
      SELECT track_id, t_ns, dur_ns, name_id, floor(t_ns / ${width}) AS first, floor((t_ns + dur_ns) / ${width}) AS last FROM slices
      WHERE t_ns >= ${fromNs - longNs} AND t_ns < ${toNs} AND dur_ns < ${longNs} AND t_ns + dur_ns >= ${fromNs} AND track_id IN (${tracks.join(', ')})
    ), parts AS (
      SELECT track_id, first AS bin, name_id, count(*) AS starts, sum(dur_ns) AS busy FROM inside WHERE first = last AND first >= ${base} GROUP BY ALL
      UNION ALL
      SELECT track_id, bin, name_id, sum((bin = first)::INT), sum(least(t_ns + dur_ns, (bin + 1) * ${width}) - greatest(t_ns, bin * ${width})) FROM (
        SELECT *, unnest(generate_series(greatest(first, ${base})::BIGINT, least(last, ${base + TILE_BINS - 1})::BIGINT)) AS bin FROM inside WHERE first < last)
      GROUP BY ALL
    ), named AS (SELECT track_id, bin, name_id, sum(starts) AS starts, sum(busy) AS busy FROM parts GROUP BY ALL)
    SELECT track_id::UINTEGER, (bin - ${base})::UINTEGER AS bin, sum(starts)::UINTEGER AS n, sum(busy)::DOUBLE AS busy, arg_max(name_id, busy)::UINTEGER AS name
    FROM named GROUP BY track_id, bin`
}
