import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import type { LateToken } from '../late-tokens/model.ts'
import { TIMED } from '../populations.ts'
import { countOf, msOf, numberOf, textOf } from '../rows.ts'

const SLOWEST = 8
/** A part of a request's time, or an excess over the median request, that is less than this share of it explains nothing. */
const TELLING_SHARE = 0.1
/** A prompt or an answer this much longer than the median one is long. */
const LONG = 1.5
/** A gap this much longer than the median one is a stall. */
const STALL = 5

/**
 * Why a request took long. `held`: by the ceiling on requests in flight; `sent_late`: by the client, retries included; `queued`: at the
 * server, before its first step; `long_prompt`, `long_answer`: more tokens than others; `stall`: its longest gap; `slow_prefill`,
 * `slow_decode`: as many tokens as others, more slowly.
 */
export type SlowReason =
  | 'held'
  | 'sent_late'
  | 'queued'
  | 'long_prompt'
  | 'slow_prefill'
  | 'long_answer'
  | 'slow_decode'
  | 'stall'

export interface SlowRequest {
  request_id: number
  prompt_id: string | null
  /** From when it was due (in an open loop), else from when it was sent, to its end. */
  took_ms: number
  ttft_ms: number | null
  input_tokens: number | null
  output_tokens: number | null
  retries: number
  /** The most important first; empty if nothing is unusual. */
  reasons: {
    reason: SlowReason
    /** The time that it stands for. */
    ms: number
    /** `measured`; `at_least`: a bound from below. */
    how: 'measured' | 'at_least'
    /** For a stall: what happened when its token came late, if the late tokens were examined. */
    cause: string | null
  }[]
}

/**
 * The slowest answered requests and why, as far as the rows tell. How long a request queued is measured where the engine's step log is
 * known; else at least what its TTFT exceeds that of a request whose prompt was as long or longer. `late`: the late tokens of
 * the report, for the causes of stalls.
 */
export async function slowestRequests(reader: RunReader, late: readonly LateToken[]): Promise<SlowRequest[]> {
  const due = reader.run.loop === 'open' ? 'least(scheduled_ns, sent_ns)' : 'sent_ns'
  const rows = await reader.query(
    `WITH timed AS (SELECT r.*, ${due} AS from_ns, b.begun_ns, min(first_token_ns - sent_ns) OVER (
          ORDER BY coalesce(input_tokens, 0) DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS least_ttft
        FROM ${TIMED} r LEFT JOIN (SELECT request_id, min(t_ns) AS begun_ns FROM slices WHERE category = 'scheduled' AND request_id IS NOT NULL GROUP BY ALL) b
          USING (request_id) WHERE sent_ns IS NOT NULL AND end_ns IS NOT NULL),
      parts AS (SELECT *, end_ns - from_ns AS took, coalesce(held_ns, 0) AS held, sent_ns - from_ns - coalesce(held_ns, 0) AS lag,
          coalesce(begun_ns - sent_ns, first_token_ns - sent_ns - least_ttft) AS queued, last_token_ns - first_token_ns AS decode FROM timed),
      split AS (SELECT *, first_token_ns - sent_ns - queued AS prefill FROM parts)
    SELECT *, median(input_tokens) OVER () AS usual_input, median(output_tokens) OVER () AS usual_output, median(prefill) OVER () AS usual_prefill,
      median(decode / nullif(output_tokens - 1, 0)) OVER () AS usual_tpot
    FROM split ORDER BY took DESC, request_id LIMIT ${SLOWEST}`,
  )
  return rows.map((row) => ({
    request_id: countOf(row, 'request_id'),
    prompt_id: textOf(row, 'prompt_id'),
    took_ms: msOf(row, 'took') ?? 0,
    ttft_ms: ttftOf(row),
    input_tokens: numberOf(row, 'input_tokens'),
    output_tokens: numberOf(row, 'output_tokens'),
    retries: countOf(row, 'retries'),
    reasons: reasonsOf(row, late),
  }))
}

function ttftOf(row: SqlRow): number | null {
  const first = numberOf(row, 'first_token_ns')
  return first === null ? null : (first - countOf(row, 'sent_ns')) / 1e6
}

function reasonsOf(row: SqlRow, late: readonly LateToken[]): SlowRequest['reasons'] {
  const ns = (column: string) => numberOf(row, column) ?? 0
  const longer = (column: string, usual: string) => ns(usual) > 0 && ns(column) >= LONG * ns(usual)
  const usualTpot = ns('usual_tpot')
  const stall = Math.max(0, ns('max_gap_ns') - usualTpot)
  // What is left of decoding beyond the pace of the median request, without its longest gap.
  const slower = ns('decode') - usualTpot * Math.max(0, ns('output_tokens') - 1) - stall
  const stalled = stall >= STALL * usualTpot && stall > 0
  const token = late
    .filter(({ request_id: id }) => id === countOf(row, 'request_id'))
    .sort((a, b) => b.gap_ms - a.gap_ms)[0]
  const found: SlowRequest['reasons'] = []
  const add = (reason: SlowReason, partNs: number, more: Partial<SlowRequest['reasons'][number]> = {}) => {
    if (partNs >= TELLING_SHARE * ns('took'))
      found.push({ reason, ms: partNs / 1e6, how: 'measured', cause: null, ...more })
  }
  add('held', ns('held'))
  add('sent_late', ns('lag'))
  add('queued', ns('queued'), { how: numberOf(row, 'begun_ns') === null ? 'at_least' : 'measured' })
  if (longer('input_tokens', 'usual_input')) add('long_prompt', ns('prefill'))
  else if (longer('prefill', 'usual_prefill')) add('slow_prefill', ns('prefill') - ns('usual_prefill'))
  if (longer('output_tokens', 'usual_output')) add('long_answer', ns('decode') - (stalled ? stall : 0))
  else add('slow_decode', stalled ? slower : slower + stall)
  if (stalled) add('stall', stall, { cause: token?.cause ?? null })
  return found.sort((a, b) => b.ms - a.ms)
}
