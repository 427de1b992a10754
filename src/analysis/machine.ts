import type { RunReader } from '../store/read/run-reader.ts'
import type { Span } from './requests/offered.ts'
import { countOf, textOf } from './rows.ts'

/** A sampled track over the measured span; `sum` adds up the samples. */
export interface TrackFigures {
  layer: 'client' | 'host'
  name: string
  unit: string | null
  host: string | null
  process: string | null
  device: string | null
  /** client, engine or machine, where the track says. */
  role: string | null
  n: number
  mean: number
  p90: number
  max: number
  min: number
  sum: number
}

export interface Machine {
  tracks: TrackFigures[]
  /** Tracks beyond those listed. */
  more_tracks: number
}

/** A host with hundreds of cores has a track for each: what the report and its rules know comes first. */
const MAX_TRACKS = 200
/** A window that began within the span may be stamped at its end, up to this much later. */
const WINDOW_NS = 1e9

/** What the client and host layers sampled during the measured span; the whole run where there is no span. */
export async function machineFigures(reader: RunReader, span: Span | null): Promise<Machine> {
  const inSpan = span === null ? '' : `AND c.t_ns BETWEEN ${span.startNs} AND ${span.endNs + WINDOW_NS}`
  // CPU time is read a little before or after its sample's time: a sample may claim more than there is, and the next one less.
  const cores = reader.run.hosts.map((host) => `WHEN t.host = ${quoted(host.name)} THEN ${host.cores}`)
  const most = `CASE WHEN t.unit = 'ratio' AND t.name LIKE 'event_loop%' THEN 1 WHEN t.unit = 'cores' AND t.name = 'thread_cpu_cores' THEN 1
    WHEN t.unit = 'cores' THEN ${cores.length === 0 ? 'NULL' : `CASE ${cores.join(' ')} END`} END`
  const rows = await reader.query(
    `SELECT track_id, any_value(layer) AS layer, any_value(name) AS name, any_value(unit) AS unit, any_value(host) AS host,
      any_value(process) AS process, any_value(device) AS device,
      any_value(CASE WHEN json_valid(attrs) THEN json_extract_string(attrs, '$.role') END) AS role,
      count(*) AS n, avg(value) AS mean, quantile_disc(value, ${0.9 - 1e-12}::DOUBLE) AS p90, max(value) AS max,
      min(value) AS min, sum(value) AS sum, count(*) OVER () AS tracks
    FROM (SELECT t.*, coalesce(least(c.value, ${most}), c.value) AS value FROM counters c JOIN tracks t ON t.track_id = c.track_id
      WHERE t.layer IN ('client', 'host') AND c.value IS NOT NULL ${inSpan})
    GROUP BY track_id ORDER BY any_value(device) IS NOT NULL, 2, 6 NULLS FIRST, 3, track_id LIMIT ${MAX_TRACKS}`,
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

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
