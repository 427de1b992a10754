import type { RunReader } from '../../store/read/run-reader.ts'
import type { PHASES, Status } from '../../trace/tables.ts'
import { BEGIN_NS, E2E_NS, MEASURED, TTFT_NS } from '../populations.ts'
import { countOf, msOf, numberOf, oneRow } from '../rows.ts'

export interface Offered {
  by_status: { status: Status; phase: (typeof PHASES)[number]; requests: number }[]
  /** Of the measured phase; `ok` of them enter the latency figures. */
  requests: number
  ok: number
  warmup: number
  /** Measured requests that were under way while the server's profiler ran or wrote: not in the latencies. */
  profiled: number
  /** From the first moment a measured request was due or begun to the end of the last. */
  span_s: number | null
  /** Requests a second that the schedule asked for; null under 2 requests, and in a closed loop, which has none. */
  offered_per_s: number | null
  /** Requests a second that ended ok, over the span. */
  achieved_per_s: number | null
  /** Requests that a ceiling on requests in flight held back, and for how long at most. */
  held: { requests: number; max_ms: number | null }
  /** Attempts after the first, where the server was full. */
  retries: number
  /** Requests that a full server refused in the end: 429, 503. */
  refused_busy: number
  /** From the last moment a measured request was due to the end of the last answer, s. */
  tail_s: number | null
  concurrency: { mean: number; max: number; share_at_max: number; share_idle: number } | null
  by_repeat: {
    repeat: number
    requests: number
    ok: number
    ttft_median_ms: number | null
    e2e_median_ms: number | null
  }[]
}

/** More passes than this are not listed one by one. */
const MAX_REPEATS = 50

/** The measured span, ns since the run's epoch. */
export interface Span {
  startNs: number
  endNs: number
}

/** Null where no measured request was due or sent, or nothing took any time. */
export async function measuredSpan(reader: RunReader): Promise<Span | null> {
  const row = await oneRow(
    reader,
    `SELECT min(least(scheduled_ns, ${BEGIN_NS})) AS s, max(coalesce(end_ns, last_token_ns, sent_ns, scheduled_ns)) AS e FROM ${MEASURED}`,
  )
  const startNs = numberOf(row, 's')
  const endNs = numberOf(row, 'e')
  return startNs === null || endNs === null || endNs <= startNs ? null : { startNs, endNs }
}

export async function offeredFigures(reader: RunReader, span: Span | null): Promise<Offered> {
  const byStatus = await reader.query(
    'SELECT status, phase, count(*) AS requests FROM requests GROUP BY status, phase ORDER BY phase, requests DESC, status',
  )
  const totals = await oneRow(
    reader,
    `SELECT count(*) AS n, count(*) FILTER (status = 'ok') AS ok, count(*) FILTER (profiled) AS profiled,
      (count(*) - 1) / nullif((max(scheduled_ns) - min(scheduled_ns)) / 1e9, 0) AS offered_per_s,
      count(held_ns) AS held, max(held_ns) AS held_max, coalesce(sum(retries), 0) AS retries,
      count(*) FILTER (status = 'http_error' AND http_status IN (429, 503)) AS busy, max(scheduled_ns) AS last_due FROM ${MEASURED}`,
  )
  const warmup = await oneRow(reader, "SELECT count(*) AS n FROM requests WHERE phase = 'warmup'")
  const repeats = await reader.query(
    `SELECT repeat, count(*) AS requests, count(*) FILTER (status = 'ok') AS ok,
      quantile_disc(${TTFT_NS}, 0.5) FILTER (status = 'ok') AS ttft,
      quantile_disc(${E2E_NS}, 0.5) FILTER (status = 'ok') AS e2e
    FROM ${MEASURED} GROUP BY repeat ORDER BY repeat LIMIT ${MAX_REPEATS}`,
  )
  const spanSeconds = span === null ? null : (span.endNs - span.startNs) / 1e9
  const ok = countOf(totals, 'ok')
  const lastDueNs = numberOf(totals, 'last_due')
  return {
    by_status: byStatus.map((row) => ({
      status: row.status as Status,
      phase: row.phase as (typeof PHASES)[number],
      requests: countOf(row, 'requests'),
    })),
    requests: countOf(totals, 'n'),
    ok,
    warmup: countOf(warmup, 'n'),
    profiled: countOf(totals, 'profiled'),
    span_s: spanSeconds,
    offered_per_s: reader.run.loop === 'closed' ? null : numberOf(totals, 'offered_per_s'),
    achieved_per_s: spanSeconds === null ? null : ok / spanSeconds,
    held: { requests: countOf(totals, 'held'), max_ms: msOf(totals, 'held_max') },
    retries: countOf(totals, 'retries'),
    refused_busy: countOf(totals, 'busy'),
    tail_s: span === null || lastDueNs === null ? null : Math.max(0, (span.endNs - lastDueNs) / 1e9),
    concurrency: span === null ? null : await concurrencyWithin(reader, span),
    by_repeat: repeats.map((row) => ({
      repeat: countOf(row, 'repeat'),
      requests: countOf(row, 'requests'),
      ok: countOf(row, 'ok'),
      ttft_median_ms: msOf(row, 'ttft'),
      e2e_median_ms: msOf(row, 'e2e'),
    })),
  }
}

/**
 * Requests in flight, of every phase, over the span: the number changes by +1 where one starts and by -1 where one
 * ends, and each value counts for as long as it held. A request without an end was in flight to the end of the span.
 */
async function concurrencyWithin(reader: RunReader, { startNs, endNs }: Span): Promise<Offered['concurrency']> {
  const row = await oneRow(
    reader,
    `WITH inside AS (SELECT greatest(${BEGIN_NS}, ${startNs}::DOUBLE) AS b, least(coalesce(end_ns, ${endNs}::DOUBLE), ${endNs}::DOUBLE) AS e
      FROM requests WHERE ${BEGIN_NS} < ${endNs} AND coalesce(end_ns, ${endNs}::DOUBLE) > ${startNs}),
    steps AS (SELECT t, sum(d) AS d FROM (SELECT b AS t, 1 AS d FROM inside UNION ALL SELECT e, -1 FROM inside
      UNION ALL SELECT ${startNs}::DOUBLE, 0 UNION ALL SELECT ${endNs}::DOUBLE, 0) GROUP BY t),
    levels AS (SELECT sum(d) OVER w AS n, lead(t) OVER w - t AS held FROM steps
      WINDOW w AS (ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)),
    top AS (SELECT max(n) AS n FROM levels WHERE held > 0)
    SELECT sum(l.n * held) / sum(held) AS mean, any_value(top.n)::DOUBLE AS highest,
      coalesce(sum(held) FILTER (l.n = top.n), 0) / sum(held) AS at_max, coalesce(sum(held) FILTER (l.n = 0), 0) / sum(held) AS idle
    FROM levels l, top`,
  )
  return {
    mean: countOf(row, 'mean'),
    max: countOf(row, 'highest'),
    share_at_max: countOf(row, 'at_max'),
    share_idle: countOf(row, 'idle'),
  }
}
