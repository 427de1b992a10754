import type { RunReader } from '../../store/read/run-reader.ts'
import { BEGIN_NS, MEASURED } from '../populations.ts'
import type { Offered, Span } from '../requests/offered.ts'
import { countOf, oneRow } from '../rows.ts'
import type { GapFigures } from './gap-distributions.ts'

/** Shares sum to 1; `total_s` is the time of all measured requests plus the time with none in flight. */
export interface TimeShares {
  total_s: number
  connect: number
  first_token: number
  decode: number
  stalls: number
  tail: number
  failed: number
  idle: number
  /** A gap longer than this is a stall; null where there are no gaps. */
  stall_ms: number | null
}

/**
 * Where the time of the measured requests went. An answered request's time is cut at sent, first token, last token and
 * end (an answer that did not stream is all waiting); gaps longer than a stall are not counted as decode; a failed
 * request's time is not cut; one that a profiler slowed is excluded; `idle` is time within the span with no request in
 * flight.
 */
export async function timeShares(
  reader: RunReader,
  span: Span | null,
  concurrency: Offered['concurrency'],
  gaps: GapFigures,
): Promise<TimeShares | null> {
  const first = 'coalesce(first_token_ns, end_ns)'
  const last = 'coalesce(last_token_ns, first_token_ns, end_ns)'
  const ok = "FILTER (status = 'ok')"
  const row = await oneRow(
    reader,
    `SELECT sum(sent_ns - ${BEGIN_NS}) ${ok} AS connect, sum(${first} - sent_ns) ${ok} AS first_token,
      sum(${last} - ${first}) ${ok} AS streaming, sum(end_ns - ${last}) ${ok} AS tail,
      sum(end_ns - ${BEGIN_NS}) FILTER (status <> 'ok') AS failed
    FROM ${MEASURED} WHERE profiled IS NOT TRUE AND end_ns IS NOT NULL AND (sent_ns IS NOT NULL OR status <> 'ok')`,
  )
  const stalls = Math.min(gaps.stalledNs, countOf(row, 'streaming'))
  const parts = {
    connect: countOf(row, 'connect'),
    first_token: countOf(row, 'first_token'),
    decode: countOf(row, 'streaming') - stalls,
    stalls,
    tail: countOf(row, 'tail'),
    failed: countOf(row, 'failed'),
    idle: span === null ? 0 : (concurrency?.share_idle ?? 0) * (span.endNs - span.startNs),
  }
  const total = Object.values(parts).reduce((a, b) => a + b, 0)
  if (total <= 0) return null
  const shares = Object.fromEntries(Object.entries(parts).map(([part, ns]) => [part, ns / total])) as typeof parts
  return { total_s: total / 1e9, ...shares, stall_ms: gaps.stallNs === null ? null : gaps.stallNs / 1e6 }
}
