import { literal } from '../../../store/live-schema.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import type { CounterOverTime } from '../api-types.ts'

const BINS = 200
const MOST_TRACKS = 60

/** The means of a layer's counters over the whole run, in stretches of one length; the tracks with most samples. */
export async function countersOverTime(
  reader: RunReader,
  layers: readonly string[],
  unit: string | null,
): Promise<CounterOverTime> {
  const chosen = `layer IN (${layers.map(literal).join(', ')})${unit === null ? '' : ` AND unit = ${literal(unit)}`}`
  const [span] = await reader.query('SELECT min(t_ns) AS a, max(t_ns) AS b FROM counters')
  if (typeof span?.a !== 'number' || typeof span.b !== 'number' || span.b <= span.a)
    return { from_ns: 0, bin_ns: 1, lines: [] }
  const from = span.a
  const binNs = (span.b - from) / BINS
  const rows = await reader.query(
    `WITH chosen AS (SELECT track_id, count(*) AS n FROM counters SEMI JOIN (SELECT track_id FROM tracks WHERE ${chosen}) USING (track_id) WHERE value IS NOT NULL
        GROUP BY ALL ORDER BY n DESC, track_id LIMIT ${MOST_TRACKS})
    SELECT c.track_id, t.name, coalesce(t.device, t.thread, t.process, t.host, '') AS label, t.unit, least(${BINS - 1}, floor((c.t_ns - ${from}) / ${binNs})) AS i, avg(c.value) AS value
    FROM counters c JOIN chosen USING (track_id) JOIN tracks t USING (track_id) WHERE c.value IS NOT NULL GROUP BY ALL ORDER BY t.name, label, c.track_id`,
  )
  const lines = new Map<number, CounterOverTime['lines'][number]>()
  for (const row of rows) {
    const id = Number(row.track_id)
    const line = lines.get(id) ?? {
      track_id: id,
      name: String(row.name),
      label: String(row.label).slice(0, 200),
      unit: row.unit === null ? null : String(row.unit),
      values: new Array<number | null>(BINS).fill(null),
    }
    line.values[Number(row.i)] = Number(row.value)
    lines.set(id, line)
  }
  return { from_ns: from, bin_ns: binNs, lines: [...lines.values()] }
}
