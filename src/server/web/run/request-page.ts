import { E2E_NS, TTFT_NS } from '../../../analysis/populations.ts'
import { LayerlineError } from '../../../base/errors.ts'
import { literal } from '../../../store/live-schema.ts'
import type { RunReader, SqlRow } from '../../../store/read/run-reader.ts'
import type { RequestPage, RequestRow } from '../api-types.ts'

/** Columns that the page may sort by, as SQL. */
const SORTS: Readonly<Record<string, string>> = {
  request_id: 'request_id',
  sent: 'coalesce(sent_ns, scheduled_ns)',
  ttft: 'ttft_ms',
  e2e: 'e2e_ms',
  tpot: 'tpot_ms',
  max_gap: 'max_gap_ns',
  input_tokens: 'input_tokens',
  output_tokens: 'output_tokens',
  queue: 'queue_ms',
  status: 'status',
}
const MOST = 500

export interface RequestQuery {
  sort: string
  descending: boolean
  from: number
  count: number
  filter: string
  status: string
}

/** Some of the requests, in an order, and how many there are of the kind asked for. */
export async function requestPage(reader: RunReader, query: RequestQuery): Promise<RequestPage> {
  const by = Object.hasOwn(SORTS, query.sort) ? SORTS[query.sort] : undefined
  if (by === undefined) throw new LayerlineError('usage/sort', `sort: expected one of ${Object.keys(SORTS).join(', ')}`)
  const count = Math.max(0, Math.min(MOST, Math.floor(query.count)))
  const conditions = ['true']
  if (query.status !== '') conditions.push(`status = ${literal(query.status)}`)
  if (query.filter !== '') {
    const text = `lower(${literal(query.filter)})`
    conditions.push(
      `(contains(lower(coalesce(prompt_id, '')), ${text}) OR request_id::VARCHAR = ${literal(query.filter)} OR contains(lower(coalesce(error, '')), ${text}))`,
    )
  }
  const where = conditions.join(' AND ')
  const [total] = await reader.query(`SELECT count(*) AS n FROM requests WHERE ${where}`)
  const order = query.descending ? 'DESC NULLS LAST' : 'ASC NULLS LAST'
  const rows = await reader.query(
    `SELECT *, left(prompt_id, 200) AS prompt, left(error, 300) AS wrong, (coalesce(sent_ns, scheduled_ns) - scheduled_ns) / 1e6 AS queue_ms, (${TTFT_NS}) / 1e6 AS ttft_ms,
      (${E2E_NS}) / 1e6 AS e2e_ms, CASE WHEN output_tokens > 1 THEN (last_token_ns - first_token_ns) / (output_tokens - 1) / 1e6 END AS tpot_ms
    FROM requests WHERE ${where} ORDER BY ${by} ${order}, request_id LIMIT ${count} OFFSET ${Math.max(0, Math.floor(query.from))}`,
  )
  return { total: Number(total?.n ?? 0), rows: rows.map(rowOf) }
}

function rowOf(row: SqlRow): RequestRow {
  const number = (key: string) => (row[key] === null || row[key] === undefined ? null : Number(row[key]))
  const text = (key: string) => (row[key] === null || row[key] === undefined ? null : String(row[key]))
  return {
    request_id: Number(row.request_id),
    prompt_id: text('prompt'),
    status: String(row.status),
    phase: String(row.phase),
    scheduled_ns: Number(row.scheduled_ns),
    sent_ns: number('sent_ns'),
    queue_ms: number('queue_ms'),
    ttft_ms: number('ttft_ms'),
    e2e_ms: number('e2e_ms'),
    tpot_ms: number('tpot_ms'),
    max_gap_ms: row.max_gap_ns === null ? null : Number(row.max_gap_ns) / 1e6,
    input_tokens: number('input_tokens'),
    output_tokens: number('output_tokens'),
    error: text('wrong'),
  }
}
