import type { RunReader } from '../../../store/read/run-reader.ts'
import { type Columns, columnsOf, pushRow } from './columns.ts'
import { MIP_LEVEL, TILE_BINS, tileSpan } from './levels.ts'

/**
 * Samples of a tile for each track and pixel: how many, the smallest, the largest. Samples without a value are skipped.
 */
export async function counterCells(
  reader: RunReader,
  level: number,
  index: number,
  tracks: readonly number[],
  hasMips: boolean,
): Promise<Map<number, Columns>> {
  const byTrack = new Map(tracks.map((track) => [track, columnsOf('track', 'bin', 'n', 'min', 'max')]))
  if (tracks.length === 0) return byTrack
  const { fromNs, toNs, width } = tileSpan(level, index)
  const base = index * TILE_BINS
  const chosen = `track_id IN (${tracks.join(', ')})`
  const sql =
    hasMips && level >= MIP_LEVEL
      ? `SELECT track_id::UINTEGER, (bin - ${base})::UINTEGER AS bin, n::UINTEGER AS n, min, max FROM mips
          WHERE level = ${level} AND bin >= ${base} AND bin < ${base + TILE_BINS} AND ${chosen} AND min IS NOT NULL`
      : `SELECT track_id::UINTEGER, (floor(t_ns / ${width}) - ${base})::UINTEGER AS bin, count(*)::UINTEGER AS n, min(value) AS min, max(value) AS max
          FROM counters WHERE t_ns >= ${fromNs} AND t_ns < ${toNs} AND ${chosen} GROUP BY ALL HAVING min(value) IS NOT NULL`
  const found: [number, number, number, number, number][] = []
  for await (const { rows, columns } of reader.numbers(sql, true)) {
    const [track, bin, n, min, max] = columns as [Uint32Array, Uint32Array, Uint32Array, Float64Array, Float64Array]
    for (let i = 0; i < rows; i++) {
      found.push([track[i], bin[i], n[i], min[i], max[i]] as [number, number, number, number, number])
    }
  }
  found.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  for (const row of found) pushRow(byTrack.get(row[0]) as Columns, ...row)
  return byTrack
}
