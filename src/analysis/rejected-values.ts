import type { RunReader } from '../store/read/run-reader.ts'
import { countOf, textOf } from './rows.ts'

/** Values that a source reported and that their unit rules out; recorded as NULL. */
export interface RejectedValues {
  layer: 'gpu' | 'engine'
  host: string | null
  /** Null: of a server as a whole. */
  device: string | null
  values: number
  /** Of all values of that device. */
  share: number
}

export async function rejectedValues(reader: RunReader): Promise<RejectedValues[]> {
  const rows = await reader.query(
    `SELECT r.layer, r.host, r.device, r.refused, (SELECT count(*) FROM counters c JOIN tracks t USING (track_id)
        WHERE t.layer = r.layer AND t.name <> 'values_rejected' AND (t.host = r.host) AND (r.device IS NULL OR t.device = r.device)) AS samples
    FROM (SELECT any_value(t.layer) AS layer, any_value(t.host) AS host, any_value(t.device) AS device, max(c.value) AS refused
      FROM counters c JOIN tracks t USING (track_id) WHERE t.name = 'values_rejected' AND t.layer IN ('gpu', 'engine') GROUP BY track_id) r
    ORDER BY r.refused DESC`,
  )
  return rows.map((row) => ({
    layer: row.layer as RejectedValues['layer'],
    host: textOf(row, 'host'),
    device: textOf(row, 'device'),
    values: countOf(row, 'refused'),
    share: countOf(row, 'refused') / Math.max(1, countOf(row, 'samples')),
  }))
}
