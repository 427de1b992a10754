import { IS_TOKEN_EVENT, TTFT_NS } from '../../../analysis/populations.ts'
import type { RunReader, SqlRow } from '../../../store/read/run-reader.ts'
import type { RangeFigures } from '../api-types.ts'

const MOST_TRACKS = 200
const MOST_NAMES = 30
/** Slices that began longer before the range are left to the timeline. */
const LOOK_BACK_NS = 60e9

/** What every layer did in a stretch of time. */
export async function rangeFigures(reader: RunReader, from: number, to: number): Promise<RangeFigures> {
  const inside = (column: string) => `${column} >= ${from} AND ${column} < ${to}`
  const [requests] = await reader.query(
    `SELECT count(*) FILTER (${inside('sent_ns')}) AS started, count(*) FILTER (${inside('end_ns')}) AS ended,
      median(${TTFT_NS}) FILTER (${inside('sent_ns')}) / 1e6 AS ttft FROM requests`,
  )
  const [events] = await reader.query(`SELECT count(*) AS n FROM chunks WHERE ${inside('t_ns')} AND ${IS_TOKEN_EVENT}`)
  const clipped = `least(s.t_ns + s.dur_ns, ${to}) - greatest(s.t_ns, ${from})`
  const overlapping = `s.t_ns < ${to} AND s.t_ns >= ${from - LOOK_BACK_NS} AND s.t_ns + s.dur_ns > ${from}`
  const label = "coalesce(t.thread, t.device, t.process, '')"
  const tracks = await reader.query(
    `SELECT track_id, t.layer, t.name, ${label} AS place, 'slices' AS kind, count(*) AS n, sum(${clipped}) AS busy, NULL::DOUBLE AS mean, NULL::DOUBLE AS low, NULL::DOUBLE AS high
      FROM slices s JOIN tracks t USING (track_id) WHERE ${overlapping} GROUP BY ALL
    UNION ALL
    SELECT track_id, t.layer, t.name, ${label}, 'counter', count(value), NULL, avg(value), min(value), max(value)
      FROM counters c JOIN tracks t USING (track_id) WHERE c.t_ns >= ${from} AND c.t_ns < ${to} GROUP BY ALL HAVING count(value) > 0
    ORDER BY busy DESC NULLS LAST, layer, name, place LIMIT ${MOST_TRACKS}`,
  )
  const names = await reader.query(
    `SELECT left(n.text, 300) AS name, t.layer, count(*) AS n, sum(${clipped}) AS busy FROM slices s JOIN strings n ON n.id = s.name_id JOIN tracks t USING (track_id)
      WHERE ${overlapping} GROUP BY ALL ORDER BY busy DESC LIMIT ${MOST_NAMES}`,
  )
  const number = (row: SqlRow | undefined, key: string) =>
    typeof row?.[key] === 'number' ? (row[key] as number) : null
  return {
    from_ns: from,
    to_ns: to,
    requests: {
      started: Number(requests?.started ?? 0),
      ended: Number(requests?.ended ?? 0),
      token_events: Number(events?.n ?? 0),
      ttft_p50_ms: number(requests, 'ttft'),
    },
    tracks: tracks.map((row) => ({
      track_id: Number(row.track_id),
      layer: String(row.layer),
      label: [row.name, row.place].filter(Boolean).join(' · '),
      kind: row.kind === 'slices' ? 'slices' : 'counter',
      n: Number(row.n),
      busy_ns: number(row, 'busy'),
      mean: number(row, 'mean'),
      min: number(row, 'low'),
      max: number(row, 'high'),
    })),
    names: names.map((row) => ({
      name: String(row.name),
      layer: String(row.layer),
      n: Number(row.n),
      busy_ns: Number(row.busy),
    })),
  }
}
