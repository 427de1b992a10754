import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf } from '../rows.ts'

/** An operator over all its calls. */
export interface OperatorTime {
  name: string
  count: number
  /** Its own time, on the host: less the operators, annotations and runtime calls inside it. PyTorch's `self_cpu_time_total`. */
  self_ms: number
  /** With all that ran inside it: nested calls of one name count more than once, as in PyTorch's `cpu_time_total`. */
  total_ms: number
  /** Of all operators' own time. */
  share: number
}

/** The operators that took most time of their own, most first. */
export async function operatorTimes(reader: RunReader, limit: number): Promise<OperatorTime[]> {
  const rows = await reader.query(
    `SELECT name, count(*) AS n, sum(self_ns) AS self, sum(dur_ns) AS total, sum(sum(self_ns)) OVER () AS whole
     FROM v_operators GROUP BY name ORDER BY self DESC, name LIMIT ${limit}`,
  )
  return rows.map((row) => ({
    name: String(row.name),
    count: countOf(row, 'n'),
    self_ms: countOf(row, 'self') / 1e6,
    total_ms: countOf(row, 'total') / 1e6,
    share: countOf(row, 'whole') === 0 ? 0 : countOf(row, 'self') / countOf(row, 'whole'),
  }))
}
