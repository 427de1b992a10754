import { E2E_NS, TIMED, TIMED_GAPS, TPOT_NS, TTFT_NS } from '../../../analysis/populations.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import type { Distributions } from '../api-types.ts'

const MOST_REQUESTS = 20_000

/** Latencies of the answered requests one by one (of many, of every k-th), and all gaps by size. */
export async function distributions(reader: RunReader): Promise<Distributions> {
  const [count] = await reader.query(`SELECT count(*) AS n FROM ${TIMED}`)
  const of = Number(count?.n ?? 0)
  const every = Math.max(1, Math.ceil(of / MOST_REQUESTS))
  const rows = await reader.query(
    `SELECT (${TTFT_NS}) / 1e6 AS ttft, (${E2E_NS}) / 1e6 AS e2e, input_tokens, (${TPOT_NS}) / 1e6 AS tpot
    FROM (SELECT *, row_number() OVER (ORDER BY sent_ns) AS i FROM ${TIMED}) WHERE first_token_ns IS NOT NULL AND end_ns IS NOT NULL AND i % ${every} = 0`,
  )
  const gaps = await reader.query(
    `SELECT i, count(*) AS n FROM (SELECT floor(20 * log10(greatest(1e-6, gap_ns / 1e6))) AS i FROM ${TIMED_GAPS} WHERE gap_ns IS NOT NULL) GROUP BY i ORDER BY i`,
  )
  const numbers = (key: string) => rows.flatMap((row) => (row[key] === null ? [] : [Number(row[key])]))
  return {
    ttft_ms: numbers('ttft'),
    e2e_ms: numbers('e2e'),
    tpot_ms: numbers('tpot'),
    input_tokens: rows.map((row) => (row.input_tokens === null ? null : Number(row.input_tokens))),
    itl: gaps.map((row) => ({ edge_ms: 10 ** (Number(row.i) / 20), n: Number(row.n) })),
    of_requests: of,
  }
}
