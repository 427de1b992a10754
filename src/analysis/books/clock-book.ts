import type { RunReader } from '../../store/read/run-reader.ts'
import type { BookCheck } from '../../trace/run-json.ts'
import { countOf, numberOf, oneRow } from '../rows.ts'
import { compared, unchecked } from './book.ts'

/** No token at the client before the step that made it had ended, by more than the clocks may differ. */
export async function clockBook(reader: RunReader): Promise<BookCheck> {
  const of = { check: 'clocks', left: 'tokens ahead of the end of their step, at most', right: 'none', unit: 'ns' }
  const row = await oneRow(
    reader,
    `SELECT count(*) AS n, max(s.t_ns + s.dur_ns - c.t_ns) AS ahead, (SELECT max(uncertainty_ns) FROM clocks) AS uncertainty
     FROM links l JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index JOIN slices s ON s.slice_id = l.dst_id
     WHERE l.kind = 'token of step' AND l.confidence = 'measured'`,
  )
  if (countOf(row, 'n') === 0) return unchecked(of, 'no token is tied to a measured step')
  const ahead = Math.max(0, countOf(row, 'ahead'))
  return compared({ ...of, left_value: ahead, right_value: 0, bound: numberOf(row, 'uncertainty') ?? 0 })
}
