import type { RunReader } from '../../store/read/run-reader.ts'
import { BEGIN_NS, MEASURED } from '../populations.ts'
import { countOf, msOf, numberOf, oneRow } from '../rows.ts'

/** Stretches of the measured span: fine enough to see when a backlog began, few enough for any run. */
const BINS = 1000
/** Requests that were ready in this first part of the offering show what an answer takes before much could queue. */
const EARLY_SHARE = 0.2
/** The first and the last of the requests, whose TTFT and number in flight are compared. */
const END_SHARE = 0.1

/** How requests came to the server and left it. Times are seconds since the first was ready. */
export interface Flow {
  /** Requests that were ready to be sent, and the time over which they were. */
  readonly requests: number
  readonly offering_s: number
  readonly bin_s: number
  /** In each stretch: requests that were ready, that left (answered or failed), and that were answered. */
  readonly ready: readonly number[]
  readonly left: readonly number[]
  readonly ok: readonly number[]
  /** What an answer takes when nothing queues, s; null where none of the early requests was answered. */
  readonly unqueued_s: number | null
  /** Median TTFT, from the moment a request was ready, of the first and the last tenth of the offering. */
  readonly ttft_ms: { readonly first: number | null; readonly last: number | null }
  /** When the first request was ready, ns since the run's epoch. */
  readonly first_ns: number
}

/**
 * When the client was ready to send: a ceiling on requests in flight holds back what is ready, and that wait is part of the
 * backlog. A client that is late by itself was not ready. A request that was held back and never sent was ready when due.
 */
const READY_NS = `coalesce(${BEGIN_NS} - coalesce(held_ns, 0), CASE WHEN held_ns IS NOT NULL OR status <> 'not_sent' THEN scheduled_ns END)`
/** A request that timed out, or was cut off by the end of the run, was not served: it never leaves the backlog. */
const LEFT_NS = "CASE WHEN status NOT IN ('timeout', 'interrupted', 'not_sent') THEN end_ns END"

/** Null where no two requests were ready at different times. */
export async function readFlow(reader: RunReader): Promise<Flow | null> {
  const requests = `(SELECT *, ${READY_NS} AS ready_ns, ${LEFT_NS} AS left_ns FROM ${MEASURED})`
  const all = await oneRow(
    reader,
    `SELECT count(*) AS n, min(ready_ns) AS first, max(ready_ns) AS last, max(left_ns) AS until FROM ${requests} WHERE ready_ns IS NOT NULL`,
  )
  const first = numberOf(all, 'first')
  const last = numberOf(all, 'last')
  if (first === null || last === null || last <= first) return null
  const until = Math.max(last, numberOf(all, 'until') ?? last)
  const width = (until - first) / BINS
  const bin = (ns: string) => `least(${BINS - 1}, floor((${ns} - ${first}) / ${width}))`
  const rows = await reader.query(
    `SELECT i, what, count(*) AS n FROM (
      SELECT ${bin('ready_ns')} AS i, 'ready' AS what FROM ${requests} WHERE ready_ns IS NOT NULL
      UNION ALL SELECT ${bin('left_ns')}, 'left' FROM ${requests} WHERE ready_ns IS NOT NULL AND left_ns IS NOT NULL
      UNION ALL SELECT ${bin('left_ns')}, 'ok' FROM ${requests} WHERE ready_ns IS NOT NULL AND status = 'ok' AND left_ns IS NOT NULL)
    WHERE i >= 0 GROUP BY i, what`,
  )
  const counts = { ready: zeros(), left: zeros(), ok: zeros() }
  for (const row of rows) counts[row.what as keyof typeof counts][Number(row.i)] = countOf(row, 'n')
  const offering = last - first
  const within = (from: number, to: number) =>
    `ready_ns >= ${first + from * offering} AND ready_ns <= ${first + to * offering}`
  const early = within(0, EARLY_SHARE)
  const ttft = 'first_token_ns - ready_ns'
  const times = await oneRow(
    reader,
    `SELECT avg(end_ns - first_token_ns) FILTER (${early}) AS decode, quantile_disc(${ttft}, 0.1) FILTER (${early}) AS least_ttft,
      avg(end_ns - ready_ns) FILTER (${early} AND first_token_ns IS NULL) AS whole,
      quantile_disc(${ttft}, 0.5) FILTER (${within(0, END_SHARE)}) AS ttft_first,
      quantile_disc(${ttft}, 0.5) FILTER (${within(1 - END_SHARE, 1)}) AS ttft_last
    FROM ${requests} WHERE status = 'ok' AND ready_ns IS NOT NULL`,
  )
  const decode = numberOf(times, 'decode')
  const least = numberOf(times, 'least_ttft')
  const unqueued = decode === null || least === null ? numberOf(times, 'whole') : decode + least
  return {
    requests: countOf(all, 'n'),
    offering_s: offering / 1e9,
    bin_s: width / 1e9,
    ...counts,
    unqueued_s: unqueued === null ? null : Math.max(0, unqueued) / 1e9,
    ttft_ms: { first: msOf(times, 'ttft_first'), last: msOf(times, 'ttft_last') },
    first_ns: first,
  }
}

function zeros(): number[] {
  return Array.from({ length: BINS }, () => 0)
}
