import type { RunReader } from '../../store/read/run-reader.ts'
import { rowsNeeded } from '../intervals/rank-interval.ts'
import { ANSWERED, IS_TOKEN_EVENT, TOKEN_EVENTS } from '../populations.ts'
import type { StreamFacts } from '../report.ts'
import { countOf, msOf, numberOf, oneRow } from '../rows.ts'

/** Fewer events than this may well come in one read of an honest stream. */
const MIN_STREAMED = 8

/** What an amortised gap can be taken from. */
export interface AmortizedPlan {
  /** Requests with gaps whose events' tokens are not known. */
  leftOut: number
  /** Every gap stands before an event of one token: the amortised gaps are the raw ones. */
  sameAsRaw: boolean
}

/** Answered requests with what their token events add up to. */
export const EVENT_SUMS = `(SELECT a.request_id, a.output_tokens, a.token_source, a.profiled, e.* EXCLUDE (request_id) FROM ${ANSWERED} a JOIN (
  SELECT request_id, count(*) AS events, count(*) FILTER (tokens IS NULL) AS unknown, sum(tokens)::DOUBLE AS tokens,
    count(*) FILTER (tokens <> 1) AS bundled, count(*) FILTER (coalesced) AS coalesced, min(t_ns) AS first_ns, max(t_ns) AS last_ns
  FROM chunks WHERE ${IS_TOKEN_EVENT} GROUP BY request_id) e ON e.request_id = a.request_id)`

/** The token count of every event of a request is known: the server said it, or there are as many events as tokens. */
export const TOKENS_KNOWN = '(unknown = 0 OR events = output_tokens)'

export async function streamFacts(reader: RunReader): Promise<{ stream: StreamFacts; amortized: AmortizedPlan }> {
  const both = "unknown = 0 AND token_source = 'usage' AND output_tokens IS NOT NULL"
  const row = await oneRow(
    reader,
    `SELECT coalesce(sum(events), 0) AS events, sum(coalesced) AS coalesced,
      count(*) FILTER (${both}) AS counted_twice, count(*) FILTER (${both} AND tokens <> output_tokens) AS counts_differ,
      sum(tokens) FILTER (${both}) / nullif(sum(output_tokens) FILTER (${both}), 0) - 1 AS drift,
      count(*) FILTER (events >= ${MIN_STREAMED} AND first_ns = last_ns) AS buffered,
      count(*) FILTER (events >= ${MIN_STREAMED}) AS streamed,
      count(*) FILTER (events >= 2 AND NOT coalesce(${TOKENS_KNOWN}, false) AND profiled IS NOT TRUE) AS left_out,
      count(*) FILTER (events >= 2 AND unknown = 0 AND bundled > 0) AS bundled
    FROM ${EVENT_SUMS}`,
  )
  const events = countOf(row, 'events')
  const late = await oneRow(
    reader,
    `SELECT quantile_disc(late_ns, ${0.99 - 1e-12}::DOUBLE) AS p99, max(late_ns) AS late_max FROM ${TOKEN_EVENTS}`,
  )
  const streamed = countOf(row, 'streamed')
  return {
    stream: {
      events,
      coalesced_share: events === 0 ? null : countOf(row, 'coalesced') / events,
      late_p99_ms: events < rowsNeeded(0.99) ? null : msOf(late, 'p99'),
      late_max_ms: msOf(late, 'late_max'),
      counted_twice: countOf(row, 'counted_twice'),
      counts_differ: countOf(row, 'counts_differ'),
      drift_ratio: numberOf(row, 'drift'),
      buffered_share: streamed === 0 ? null : countOf(row, 'buffered') / streamed,
    },
    amortized: {
      leftOut: countOf(row, 'left_out'),
      sameAsRaw: countOf(row, 'left_out') === 0 && countOf(row, 'bundled') === 0,
    },
  }
}
