import type { RunReader } from '../../store/read/run-reader.ts'
import type { Status } from '../../trace/tables.ts'
import { IS_TOKEN_EVENT, MEASURED, TTFT_NS } from '../populations.ts'
import type { RequestLine } from '../report.ts'
import { countOf, msOf, numberOf, textOf } from '../rows.ts'

/** The first `limit` measured requests with their gaps in at most `bins` stretches of equal numbers of gaps. */
export async function requestLines(reader: RunReader, limit: number, bins: number): Promise<RequestLine[]> {
  const rows = await reader.query(
    `SELECT request_id, prompt_id, size, repeat, status, end_ns - sent_ns AS e2e, ${TTFT_NS} AS ttft,
      input_tokens, output_tokens,
      CASE WHEN end_ns > sent_ns THEN output_tokens / ((end_ns - sent_ns) / 1e9) END AS speed
    FROM ${MEASURED} ORDER BY coalesce(sent_ns, scheduled_ns), request_id LIMIT ${limit}`,
  )
  const ids = rows.map((row) => countOf(row, 'request_id'))
  const gaps = ids.length === 0 ? [] : await reader.query(binnedGaps(ids, bins))
  const gapsOf = new Map<number, number[]>(ids.map((id) => [id, []]))
  for (const row of gaps) gapsOf.get(countOf(row, 'request_id'))?.push(msOf(row, 'gap') ?? 0)
  return rows.map((row) => ({
    request_id: countOf(row, 'request_id'),
    prompt_id: textOf(row, 'prompt_id'),
    size: numberOf(row, 'size'),
    repeat: countOf(row, 'repeat'),
    status: row.status as Status,
    e2e_ms: msOf(row, 'e2e'),
    ttft_ms: msOf(row, 'ttft'),
    input_tokens: numberOf(row, 'input_tokens'),
    output_tokens: numberOf(row, 'output_tokens'),
    output_tokens_per_s: numberOf(row, 'speed'),
    gaps_ms: gapsOf.get(countOf(row, 'request_id')) ?? [],
  }))
}

/** The longest gap of each stretch: a stall shows however long the answer. */
function binnedGaps(ids: readonly number[], bins: number): string {
  return `WITH g AS (SELECT request_id, "index" AS i, t_ns - lag(t_ns) OVER (PARTITION BY request_id ORDER BY "index") AS gap
      FROM chunks WHERE request_id IN (${ids.join(', ')}) AND ${IS_TOKEN_EVENT}),
    numbered AS (SELECT request_id, gap, row_number() OVER (PARTITION BY request_id ORDER BY i) - 1 AS k, count(*) OVER (PARTITION BY request_id) AS n
      FROM g WHERE gap IS NOT NULL)
    SELECT request_id, floor(k * least(${bins}, n) / n) AS bin, max(gap) AS gap FROM numbered GROUP BY 1, 2 ORDER BY 1, 2`
}
