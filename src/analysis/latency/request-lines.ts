import type { RunReader } from '../../store/read/run-reader.ts'
import type { Status } from '../../trace/tables.ts'
import { E2E_NS, MEASURED, TTFT_NS } from '../populations.ts'
import { countOf, msOf, numberOf, textOf } from '../rows.ts'
import type { TokenEvents } from '../token-events/token-events.ts'

export interface RequestLine {
  request_id: number
  prompt_id: string | null
  size: number | null
  repeat: number
  status: Status
  e2e_ms: number | null
  ttft_ms: number | null
  input_tokens: number | null
  output_tokens: number | null
  output_tokens_per_s: number | null
  /** The longest gap in each stretch of the answer, ms, from its first gap to its last. */
  gaps_ms: number[]
}

/** The first `limit` measured requests with their gaps in at most `bins` stretches of equal numbers of gaps. */
export async function requestLines(
  reader: RunReader,
  events: TokenEvents,
  limit: number,
  bins: number,
): Promise<RequestLine[]> {
  const rows = await reader.query(
    `SELECT request_id, prompt_id, size, repeat, status, ${E2E_NS} AS e2e, ${TTFT_NS} AS ttft,
      input_tokens, output_tokens,
      CASE WHEN end_ns > sent_ns THEN output_tokens / ((end_ns - sent_ns) / 1e9) END AS speed
    FROM ${MEASURED} ORDER BY coalesce(sent_ns, scheduled_ns), request_id LIMIT ${limit}`,
  )
  const ids = rows.map((row) => countOf(row, 'request_id'))
  const gapsOf = await binnedGaps(events, ids, bins)
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
    gaps_ms: Array.from(gapsOf.get(countOf(row, 'request_id')) ?? [], (ns) => ns / 1e6),
  }))
}

/** The longest gap of each stretch, ns, one row per request: a stall shows however long the answer. */
async function binnedGaps(
  events: TokenEvents,
  ids: readonly number[],
  bins: number,
): Promise<Map<number, Float64Array>> {
  const { requests, sums } = events
  const longest = new Map<number, Float64Array>()
  const rowOf = new Int32Array(requests.count).fill(-1)
  const rows = ids.map((id, row) => {
    const place = requests.placeOf(id)
    rowOf[place] = row
    const gaps = Math.max(0, (sums.events[place] as number) - 1)
    const found = new Float64Array(Math.min(bins, gaps)).fill(Number.NEGATIVE_INFINITY)
    longest.set(id, found)
    return { gaps, found }
  })
  const seen = new Int32Array(ids.length)
  const lastNs = new Float64Array(ids.length).fill(Number.NaN)
  await events.pass(({ rows: count, place, tNs }) => {
    for (let i = 0; i < count; i++) {
      const at = place[i] as number
      const row = at < 0 ? -1 : (rowOf[at] as number)
      if (row < 0) continue
      const gap = (tNs[i] as number) - (lastNs[row] as number)
      lastNs[row] = tNs[i] as number
      if (Number.isNaN(gap)) continue
      const { gaps, found } = rows[row] as (typeof rows)[number]
      const nth = seen[row] as number
      seen[row] = nth + 1
      const bin = Math.floor((nth * found.length) / gaps)
      if (gap > (found[bin] as number)) found[bin] = gap
    }
  }, ids)
  return longest
}
