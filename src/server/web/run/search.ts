import { literal } from '../../../store/live-schema.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import type { SearchHit } from '../api-types.ts'

const MOST = 60

/** Requests by id or prompt, and slices by name, the longest first. */
export async function searchRun(reader: RunReader, text: string): Promise<SearchHit[]> {
  const wanted = literal(text)
  const id = /^\d{1,9}$/.test(text) ? Number(text) : -1
  const requests = await reader.query(
    `SELECT request_id, left(prompt_id, 200) AS prompt_id, coalesce(sent_ns, scheduled_ns) AS t, coalesce(end_ns, sent_ns, scheduled_ns) - coalesce(sent_ns, scheduled_ns) AS d
      FROM requests WHERE request_id = ${id} OR contains(lower(prompt_id), lower(${wanted})) ORDER BY request_id LIMIT 20`,
  )
  const slices = await reader.query(
    `SELECT slice_id, track_id, t_ns, dur_ns, left(n.text, 300) AS name FROM slices s JOIN strings n ON n.id = s.name_id
      WHERE contains(lower(n.text), lower(${wanted})) ORDER BY dur_ns DESC, slice_id LIMIT ${MOST}`,
  )
  return [
    ...requests.map((row) => ({
      kind: 'request' as const,
      id: Number(row.request_id),
      label: `request ${row.request_id}${row.prompt_id === null ? '' : ` · ${row.prompt_id}`}`,
      track_id: null,
      t_ns: Number(row.t),
      dur_ns: Number(row.d),
    })),
    ...slices.map((row) => ({
      kind: 'slice' as const,
      id: Number(row.slice_id),
      label: String(row.name),
      track_id: Number(row.track_id),
      t_ns: Number(row.t_ns),
      dur_ns: Number(row.dur_ns),
    })),
  ]
}
