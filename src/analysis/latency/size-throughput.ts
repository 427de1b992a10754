import type { RunReader } from '../../store/read/run-reader.ts'
import { TIMED, TTFT_NS } from '../populations.ts'
import { countOf, numberOf } from '../rows.ts'

export interface SizeThroughput {
  /** The size the prompt rows name; from this size to `size_to` where there are many sizes. */
  size: number | null
  size_to: number | null
  requests: number
  /** Over TTFT: the wait in the server's queue is part of it. */
  prefill_n: number
  prefill_median_tokens_per_s: number | null
  /** From a request's first step to its first token, without that wait; null without the engine's step log. */
  prefill_steps_n: number
  prefill_steps_median_tokens_per_s: number | null
  decode_n: number
  decode_median_tokens_per_s: number | null
}

/** More sizes than this are put together by powers of two. */
const MAX_SIZES = 24

/**
 * Speed of the two stages by the prompts' size: uncached input tokens over TTFT, which includes the wait in the server's queue; where
 * the engine's step log is known also over the time from a request's first step to its first token, without that wait; tokens after the first over
 * the time they took.
 */
export async function sizeThroughput(reader: RunReader): Promise<SizeThroughput[]> {
  const rows = await reader.query(
    `WITH a AS (SELECT size, count(DISTINCT size) OVER () > ${MAX_SIZES} AND size >= 1 AS many,
        CASE WHEN first_token_ns > sent_ns AND input_tokens > coalesce(cached_tokens, 0)
          THEN (input_tokens - coalesce(cached_tokens, 0)) / ((${TTFT_NS}) / 1e9) END AS prefill,
        CASE WHEN first_token_ns > begun_ns AND input_tokens > coalesce(cached_tokens, 0)
          THEN (input_tokens - coalesce(cached_tokens, 0)) / ((first_token_ns - begun_ns) / 1e9) END AS stepped,
        CASE WHEN output_tokens >= 2 AND last_token_ns > first_token_ns
          THEN (output_tokens - 1) / ((last_token_ns - first_token_ns) / 1e9) END AS decode
      FROM ${TIMED} LEFT JOIN (SELECT request_id, min(t_ns) AS begun_ns FROM slices WHERE category = 'scheduled' AND request_id IS NOT NULL GROUP BY ALL)
        USING (request_id))
    SELECT CASE WHEN many THEN pow(2, floor(log2(size))) ELSE size END AS low,
      CASE WHEN many THEN pow(2, floor(log2(size)) + 1) END AS high, count(*) AS n,
      count(prefill) AS prefill_n, quantile_disc(prefill, 0.5) AS prefill, count(stepped) AS stepped_n, quantile_disc(stepped, 0.5) AS stepped, count(decode) AS decode_n, quantile_disc(decode, 0.5) AS decode
    FROM a GROUP BY 1, 2 ORDER BY 1 NULLS LAST LIMIT 64`,
  )
  return rows.map((row) => ({
    size: numberOf(row, 'low'),
    size_to: numberOf(row, 'high'),
    requests: countOf(row, 'n'),
    prefill_n: countOf(row, 'prefill_n'),
    prefill_median_tokens_per_s: numberOf(row, 'prefill'),
    prefill_steps_n: countOf(row, 'stepped_n'),
    prefill_steps_median_tokens_per_s: numberOf(row, 'stepped'),
    decode_n: countOf(row, 'decode_n'),
    decode_median_tokens_per_s: numberOf(row, 'decode'),
  }))
}
