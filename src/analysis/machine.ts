import type { RunReader } from '../store/read/run-reader.ts'
import type { Machine, TrackFigures } from './report.ts'
import type { Span } from './requests/offered.ts'
import { countOf, textOf } from './rows.ts'

/** A host with hundreds of cores has a track for each: what the report and its rules know comes first. */
const MAX_TRACKS = 200
/** A window that began within the span may be stamped at its end, up to this much later. */
const WINDOW_NS = 1e9

/** What the client and host layers sampled during the measured span; the whole run where there is no span. */
export async function machineFigures(reader: RunReader, span: Span | null): Promise<Machine> {
  const inSpan = span === null ? '' : `AND c.t_ns BETWEEN ${span.startNs} AND ${span.endNs + WINDOW_NS}`
  const rows = await reader.query(
    `SELECT t.track_id, any_value(t.layer) AS layer, any_value(t.name) AS name, any_value(t.unit) AS unit, any_value(t.host) AS host,
      any_value(t.process) AS process, any_value(t.device) AS device,
      any_value(CASE WHEN json_valid(t.attrs) THEN json_extract_string(t.attrs, '$.role') END) AS role,
      count(*) AS n, avg(c.value) AS mean, quantile_disc(c.value, ${0.9 - 1e-12}::DOUBLE) AS p90, max(c.value) AS max,
      min(c.value) AS min, sum(c.value) AS sum, count(*) OVER () AS tracks
    FROM counters c JOIN tracks t ON t.track_id = c.track_id
    WHERE t.layer IN ('client', 'host') AND c.value IS NOT NULL ${inSpan}
    GROUP BY t.track_id ORDER BY any_value(t.device) IS NOT NULL, 2, 6 NULLS FIRST, 3, t.track_id LIMIT ${MAX_TRACKS}`,
  )
  return {
    tracks: rows.map((row) => ({
      layer: row.layer as TrackFigures['layer'],
      name: String(row.name),
      unit: textOf(row, 'unit'),
      host: textOf(row, 'host'),
      process: textOf(row, 'process'),
      device: textOf(row, 'device'),
      role: textOf(row, 'role'),
      n: countOf(row, 'n'),
      mean: countOf(row, 'mean'),
      p90: countOf(row, 'p90'),
      max: countOf(row, 'max'),
      min: countOf(row, 'min'),
      sum: countOf(row, 'sum'),
    })),
    more_tracks: rows.length === 0 ? 0 : countOf(rows[0] as (typeof rows)[number], 'tracks') - rows.length,
  }
}
