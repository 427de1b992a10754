import type { RunReader, SqlRow } from '../../../store/read/run-reader.ts'
import type { TimelineMeta, TimelineTrack } from '../api-types.ts'
import { levelFor, MAX_LEVEL } from '../tiles/levels.ts'

/** A tile of single slices, and one of token events, holds about so many rows. */
const MOST_ITEMS = 60_000
const MOST_TICKS = 40_000
const MOST_OUTAGES = 5000

/** What the timeline has to know before its first tile; `hasMips`: sums for zooming are there (a live run has none). */
export async function timelineMeta(reader: RunReader, hasMips: boolean): Promise<Omit<TimelineMeta, 'lanes'>> {
  const [slices] = await reader.query('SELECT count(*) AS n, min(t_ns) AS a, max(t_ns + dur_ns) AS b FROM slices')
  const [counters] = await reader.query('SELECT count(*) AS n, min(t_ns) AS a, max(t_ns) AS b FROM counters')
  const [requests] = await reader.query(
    'SELECT count(*) AS n, min(least(scheduled_ns, sent_ns)) AS a, max(coalesce(end_ns, last_token_ns, sent_ns, scheduled_ns)) AS b FROM requests',
  )
  const [chunks] = await reader.query('SELECT count(*) AS n, min(t_ns) AS a, max(t_ns) AS b FROM chunks')
  const all = [slices, counters, requests, chunks]
  const ends = (key: string) => all.flatMap((row) => (typeof row?.[key] === 'number' ? [row[key] as number] : []))
  const fromNs = ends('a').length === 0 ? 0 : Math.min(...ends('a'))
  const toNs = Math.max(fromNs + 1000, ...ends('b'))
  const count = (row: SqlRow | undefined) => Number(row?.n ?? 0)
  const outages = await reader.query(
    `SELECT track_id, t_ns, dur_ns, left(name, 300) AS name FROM named_slices WHERE category IN ('gap', 'pause') ORDER BY t_ns LIMIT ${MOST_OUTAGES}`,
  )
  const clocks = await reader.query(
    "SELECT clock, median(uncertainty_ns) AS u FROM clocks WHERE clock <> 'run' GROUP BY clock ORDER BY clock LIMIT 100",
  )
  return {
    from_ns: fromNs,
    to_ns: toNs,
    epoch_ns: reader.run.epoch_ns,
    state: reader.run.state,
    tracks: await tracksOf(reader, hasMips),
    requests: count(requests),
    chunks: count(chunks),
    slices: count(slices),
    detail_level: levelFor(count(slices), toNs - fromNs, MOST_ITEMS),
    token_level: levelFor(count(chunks), toNs - fromNs, MOST_TICKS),
    outages: outages.map((row) => ({
      track_id: Number(row.track_id),
      t_ns: Number(row.t_ns),
      dur_ns: Number(row.dur_ns),
      name: String(row.name ?? ''),
    })),
    clocks: clocks.map((row) => ({ clock: String(row.clock), uncertainty_ns: Number(row.u ?? 0) })),
  }
}

async function tracksOf(reader: RunReader, hasMips: boolean): Promise<TimelineTrack[]> {
  const sums = hasMips
    ? `SELECT track_id, sum(n) AS n, min(min) AS low, max(max) AS high, bool_or(busy_ns IS NOT NULL) AS is_slices FROM mips WHERE level = ${MAX_LEVEL} GROUP BY track_id`
    : `SELECT track_id, count(*) AS n, NULL::DOUBLE AS low, NULL::DOUBLE AS high, true AS is_slices FROM slices GROUP BY track_id
       UNION ALL SELECT track_id, count(*), min(value), max(value), false FROM counters GROUP BY track_id`
  // A slice over more than the coarsest level has room for is in no sum: its track is found by the slice itself.
  const rows = await reader.query(
    `WITH sums AS (${sums}), rest AS (SELECT DISTINCT track_id FROM slices WHERE dur_ns >= 1e9 AND track_id NOT IN (SELECT track_id FROM sums))
    SELECT t.*, coalesce(s.n, 1) AS n, s.low, s.high, coalesce(s.is_slices, true) AS is_slices,
      CASE WHEN json_valid(t.attrs) THEN t.attrs->>'source' END AS source
    FROM tracks t LEFT JOIN sums s USING (track_id) LEFT JOIN rest r USING (track_id) WHERE s.track_id IS NOT NULL OR r.track_id IS NOT NULL
    ORDER BY t.layer, t.host, t.process, t.device, t.thread, t.name, t.track_id LIMIT 20000`,
  )
  const text = (row: SqlRow, key: string) => (row[key] === null ? null : String(row[key]).slice(0, 300))
  return rows.map((row) => ({
    track_id: Number(row.track_id),
    layer: String(row.layer),
    host: text(row, 'host'),
    process: text(row, 'process'),
    thread: text(row, 'thread'),
    device: text(row, 'device'),
    name: text(row, 'name') ?? '',
    unit: text(row, 'unit'),
    kind: row.is_slices === true ? 'slices' : 'counter',
    n: Number(row.n),
    min: row.low === null ? null : Number(row.low),
    max: row.high === null ? null : Number(row.high),
    source: text(row, 'source'),
  }))
}
