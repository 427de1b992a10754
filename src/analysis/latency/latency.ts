import type { RunReader } from '../../store/read/run-reader.ts'
import { rowDistributions } from '../intervals/row-distributions.ts'
import { BEGIN_NS, E2E_NS, IS_TOKEN_EVENT, MEASURED, TIMED, TIMED_GAPS, TPOT_NS, TTFT_NS } from '../populations.ts'
import type { Latency } from '../report.ts'
import { type GapFigures, gapDistribution } from './gap-distributions.ts'
import { type AmortizedPlan, EVENT_SUMS, TOKENS_KNOWN } from './stream-facts.ts'

/** One row a token: a gap g before an event of k tokens stands k times, as g / k. Events of no token do not cut a gap. */
const AMORTIZED_GAPS = `(SELECT request_id, gap_ns / k AS gap_ns, unnest(range(k)) AS copy FROM (
  SELECT request_id, t_ns - lag(t_ns) OVER (PARTITION BY request_id ORDER BY "index") AS gap_ns, k FROM (
    SELECT c.request_id, c."index", c.t_ns, CASE WHEN s.unknown > 0 THEN 1 ELSE c.tokens END::BIGINT AS k
    FROM chunks c JOIN (SELECT request_id, unknown FROM ${EVENT_SUMS} WHERE ${TOKENS_KNOWN} AND profiled IS NOT TRUE) s ON s.request_id = c.request_id
    WHERE ${IS_TOKEN_EVENT}) WHERE k BETWEEN 1 AND 65536) WHERE gap_ns IS NOT NULL)`

/** Definitions: docs/metrics.md. */
export async function latencyFigures(
  reader: RunReader,
  amortized: AmortizedPlan,
): Promise<{ latency: Latency; gaps: GapFigures }> {
  const answered = await rowDistributions(reader, TIMED, {
    ttft: TTFT_NS,
    tpot: TPOT_NS,
    e2e: E2E_NS,
    connect: 'connected_ns - connect_start_ns',
    headers: 'headers_ns - sent_ns',
  })
  const sent = await rowDistributions(reader, MEASURED, {
    lag: 'sent_ns - scheduled_ns',
    // What a ceiling held back, and what a full server sent away at first, is not the client's lateness.
    start_lag: `CASE WHEN coalesce(retries, 0) = 0 THEN ${BEGIN_NS} - scheduled_ns - coalesce(held_ns, 0) END`,
  })
  const due =
    reader.run.loop === 'open'
      ? await rowDistributions(reader, TIMED, {
          ttft: 'first_token_ns - scheduled_ns',
          e2e: 'end_ns - scheduled_ns',
        })
      : { ttft: null, e2e: null }
  const gaps = await gapDistribution(reader, TIMED_GAPS, 'gap_ns')
  const { distribution: itlAmortized } = amortized.sameAsRaw
    ? gaps
    : await gapDistribution(reader, AMORTIZED_GAPS, 'gap_ns')
  return {
    latency: {
      ttft_ms: answered.ttft,
      itl_ms: gaps.distribution,
      itl_amortized_ms: itlAmortized,
      itl_amortized_left_out: amortized.leftOut,
      tpot_ms: answered.tpot,
      e2e_ms: answered.e2e,
      due_ttft_ms: due.ttft,
      due_e2e_ms: due.e2e,
      lag_ms: sent.lag,
      start_lag_ms: sent.start_lag,
      connect_ms: answered.connect,
      headers_ms: answered.headers,
    },
    gaps,
  }
}
