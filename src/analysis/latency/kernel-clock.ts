import type { RunReader } from '../../store/read/run-reader.ts'
import { rowsNeeded } from '../intervals/rank-interval.ts'
import { IS_TOKEN_EVENT, TIMED } from '../populations.ts'
import { countOf, msOf, numberOf, oneRow } from '../rows.ts'

/**
 * The client's stamps of token events against the kernel's own time of the segment that brought them: how much later the client
 * saw them. Times in ms.
 */
export interface KernelClock {
  /** Token events of answered requests, and those of them whose segment was seen. */
  events: number
  held: number
  p50_ms: number | null
  /** Null with too few events. */
  p99_ms: number | null
  max_ms: number | null
  /** The same of first tokens: by so much is a TTFT too long. */
  first: { requests: number; p50_ms: number | null; max_ms: number | null }
  /** How well the kernel's clock and ours were aligned at worst. */
  uncertainty_ms: number | null
}

/** A segment this much older than the stamp is another one's. */
const LONGEST_NS = 1e9

/** Null for a run without the kernel's segments (`--probes arrivals`). */
export async function kernelClock(reader: RunReader): Promise<KernelClock | null> {
  // Asked alone: without segments every event of the run would be numbered for nothing.
  const seen = await reader.query("SELECT 1 FROM slices WHERE category = 'segment' LIMIT 1")
  if (seen.length === 0) return null
  const row = await oneRow(
    reader,
    `WITH segments AS MATERIALIZED (SELECT s.t_ns, split_part(s.name, ' ', 2)::INTEGER AS port FROM named_slices s WHERE s.category = 'segment'),
    clock AS (SELECT coalesce(max(uncertainty_ns), 0) AS u FROM clocks WHERE clock = 'boottime'),
    events AS (SELECT c.request_id, c.t_ns, row_number() OVER (PARTITION BY c.request_id ORDER BY c."index") = 1 AS first, r.sent_ns, r.local_port::INTEGER AS port, c.t_ns + clock.u AS until
      FROM chunks c JOIN ${TIMED} r ON r.request_id = c.request_id, clock WHERE ${IS_TOKEN_EVENT}),
    held AS (SELECT e.*, CASE WHEN s.t_ns >= greatest(e.sent_ns, e.t_ns - ${LONGEST_NS}) THEN e.t_ns - s.t_ns END AS later
      FROM events e ASOF LEFT JOIN segments s ON s.port = e.port AND s.t_ns <= e.until)
    SELECT count(*) AS events, count(later) AS held, count(later) FILTER (first) AS first_held,
      quantile_disc(later, 0.5) AS p50, quantile_disc(later, ${0.99 - 1e-12}::DOUBLE) AS p99, max(later) AS most,
      quantile_disc(later, 0.5) FILTER (first) AS first_p50, max(later) FILTER (first) AS first_most, (SELECT u FROM clock) AS u
    FROM held`,
  )
  const held = countOf(row, 'held')
  return {
    events: countOf(row, 'events'),
    held,
    p50_ms: msOf(row, 'p50'),
    p99_ms: held < rowsNeeded(0.99) ? null : msOf(row, 'p99'),
    max_ms: msOf(row, 'most'),
    first: { requests: countOf(row, 'first_held'), p50_ms: msOf(row, 'first_p50'), max_ms: msOf(row, 'first_most') },
    uncertainty_ms: (numberOf(row, 'u') ?? 0) / 1e6,
  }
}
