import type { RunReader } from '../../store/read/run-reader.ts'
import type { Distribution } from '../intervals/distribution.ts'
import { rowDistributions } from '../intervals/row-distributions.ts'
import { E2E_NS, MEASURED, TIMED, TPOT_NS, TTFT_NS } from '../populations.ts'
import type { TokenEvents } from '../token-events/token-events.ts'
import { type GapFigures, gapDistribution } from './gap-distributions.ts'
import type { AmortizedPlan } from './stream-facts.ts'

export interface Latency {
  ttft_ms: Distribution
  itl_ms: Distribution
  itl_amortized_ms: Distribution
  /** Requests with gaps whose events' tokens are not known; not in `itl_amortized_ms`. */
  itl_amortized_left_out: number
  tpot_ms: Distribution
  e2e_ms: Distribution
  /** TTFT and E2E from when the request was due, not from when it went; of a schedule only. */
  due_ttft_ms: Distribution
  due_e2e_ms: Distribution
  /** All measured requests that were sent, failed ones too. */
  lag_ms: Distribution
  /** `lag_ms` up to where a fresh connection's establishing began, less what a ceiling held back: the client's own part. */
  start_lag_ms: Distribution
  connect_ms: Distribution
  headers_ms: Distribution
}

/** Definitions: docs/metrics.md. */
export async function latencyFigures(
  reader: RunReader,
  events: TokenEvents,
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
    start_lag: `CASE WHEN coalesce(retries, 0) = 0 THEN coalesce(connect_start_ns, sent_ns) - scheduled_ns - coalesce(held_ns, 0) END`,
  })
  const due =
    reader.run.loop === 'open'
      ? await rowDistributions(reader, TIMED, {
          ttft: 'first_token_ns - scheduled_ns',
          e2e: 'end_ns - scheduled_ns',
        })
      : { ttft: null, e2e: null }
  const gaps = await gapDistribution(events, 'raw')
  const { distribution: itlAmortized } = amortized.sameAsRaw ? gaps : await gapDistribution(events, 'amortized')
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
