import type { RunReader } from '../../store/read/run-reader.ts'
import { ANSWERED } from '../populations.ts'
import { numberOf, oneRow } from '../rows.ts'

/** How the cached share of the input is known: the server's usage, the engine's log of its steps, or the engine's counters. */
export type CachedBy = 'usage' | 'step_log' | 'engine'

/** Prompt tokens that a request's steps ran before its first token came out: what was cached is not among them. */
const PREFILLED = `(SELECT request_id, sum(tokens) FILTER (had = 0) AS prefilled FROM (
    SELECT request_id, tokens, coalesce(sum(coalesce((args->>'emitted')::INT, CASE WHEN name = 'chunked prefill' THEN 0 ELSE 1 END))
      OVER (PARTITION BY request_id ORDER BY t_ns, step_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS had
    FROM named_slices WHERE category = 'scheduled' AND request_id IS NOT NULL)
  GROUP BY request_id)`

/**
 * What the run itself knows of cached prompt tokens where the server's usage does not tell: the step log by request, else the
 * growth of the engine's totals, whose requests may be more than the measured ones. Null where neither knows.
 */
export async function cachedShareBeyondUsage(
  reader: RunReader,
): Promise<{ share: number; requests: number; by: CachedBy } | null> {
  const logged = await oneRow(
    reader,
    `SELECT count(*) AS n, sum(greatest(0, input_tokens - prefilled)) / nullif(sum(input_tokens), 0) AS share
      FROM ${ANSWERED} a JOIN ${PREFILLED} p USING (request_id) WHERE input_tokens IS NOT NULL AND prefilled IS NOT NULL`,
  )
  const ofSteps = numberOf(logged, 'share')
  if (ofSteps !== null) return { share: ofSteps, requests: numberOf(logged, 'n') ?? 0, by: 'step_log' }
  const totals = await oneRow(
    reader,
    `SELECT sum(grown) FILTER (name = 'prefix_cache_hits_total') AS hits, sum(grown) FILTER (name = 'prefix_cache_queries_total') AS queries
      FROM (SELECT any_value(t.name) AS name, max(c.value) - min(c.value) AS grown FROM counters c JOIN tracks t USING (track_id)
        WHERE t.layer = 'engine' AND t.name IN ('prefix_cache_hits_total', 'prefix_cache_queries_total') GROUP BY t.track_id)`,
  )
  const hits = numberOf(totals, 'hits')
  const queries = numberOf(totals, 'queries')
  if (hits === null || queries === null || queries <= 0) return null
  return { share: Math.min(1, hits / queries), requests: 0, by: 'engine' }
}
