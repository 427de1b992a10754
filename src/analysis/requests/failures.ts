import type { RunReader } from '../../store/read/run-reader.ts'
import type { Status } from '../../trace/tables.ts'
import { countOf, numberOf, oneRow, textOf } from '../rows.ts'

export interface Failures {
  requests: number
  kinds: FailureKind[]
  /** Kinds beyond those listed. */
  more_kinds: number
}

export interface FailureKind {
  status: Status
  http_status: number | null
  /** The error's text with every number as `N`. */
  error: string | null
  /** The text of the first of them as it was. */
  example: string | null
  requests: number
  first_at_s: number | null
  request_id: number
}

/** Kinds beyond these are counted only. */
const MAX_KINDS = 12

/** Failures of every phase, by status, HTTP status and error text; texts that differ in numbers only are one kind. */
export async function failureFigures(reader: RunReader): Promise<Failures> {
  const kinds = `(SELECT status, http_status, regexp_replace(error, '\\d+(\\.\\d+)?', 'N', 'g') AS error, count(*) AS n,
    min(coalesce(sent_ns, scheduled_ns)) AS first_ns, arg_min(request_id, coalesce(sent_ns, scheduled_ns)) AS request_id, arg_min(error, coalesce(sent_ns, scheduled_ns)) AS example
    FROM requests WHERE status <> 'ok' GROUP BY 1, 2, 3)`
  const total = await oneRow(reader, `SELECT coalesce(sum(n), 0) AS n, count(*) AS kinds FROM ${kinds}`)
  const rows = await reader.query(`SELECT * FROM ${kinds} ORDER BY n DESC, first_ns, status, error LIMIT ${MAX_KINDS}`)
  return {
    requests: countOf(total, 'n'),
    kinds: rows.map((row) => {
      const firstNs = numberOf(row, 'first_ns')
      return {
        status: row.status as Status,
        http_status: numberOf(row, 'http_status'),
        error: textOf(row, 'error'),
        example: textOf(row, 'example'),
        requests: countOf(row, 'n'),
        first_at_s: firstNs === null ? null : firstNs / 1e9,
        request_id: countOf(row, 'request_id'),
      }
    }),
    more_kinds: countOf(total, 'kinds') - rows.length,
  }
}
