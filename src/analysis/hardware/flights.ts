import type { RunReader } from '../../store/read/run-reader.ts'
import { numberOf, oneRow } from '../rows.ts'

/** What a moment of the hardware's time belongs to. */
export const LABELS = ['prefill', 'decode', 'other', 'idle'] as const
export type Label = (typeof LABELS)[number]

/** All times of a run lie well within these, ns. */
export interface Horizon {
  fromNs: number
  toNs: number
}

/** More than any sensor looks back. */
const BEYOND_NS = 600e9

/** Null where nothing was sampled. */
export async function horizonOf(reader: RunReader): Promise<Horizon | null> {
  const row = await oneRow(
    reader,
    `SELECT min(a) AS a, max(b) AS b FROM (SELECT min(t_ns) AS a, max(t_ns) AS b FROM counters
      UNION ALL SELECT min(sent_ns), max(greatest(sent_ns, coalesce(last_token_ns, end_ns, sent_ns))) FROM requests
        WHERE EXISTS (SELECT 1 FROM counters))`,
  )
  const a = numberOf(row, 'a')
  const b = numberOf(row, 'b')
  return a === null || b === null ? null : { fromNs: a - BEYOND_NS, toNs: b + BEYOND_NS }
}

/**
 * CTEs, without WITH, on which labels and energy stand:
 *
 * - `flights(request_id, b, f, e, measured)`: a request's time on the server as the client can know it: `b` sent, `f` first token (NULL
 *   unless its stages are known: measured and streamed), `e` last token, else its end, else the end of the run.
 * - `flow(t, n, prefill, decode, other, idle, each, a_prefill, a_decode, a_other, a_idle, a_each)`: from `t` to the next row's `t`, `n` requests
 *   are in flight, the four labels' shares of the moment (their sum is 1: each request in flight has the same share, `each` = 1/n), and
 *   the integrals of the shares up to `t`. Sorted sums over times: the work grows with requests, not with pairs of them.
 *
 * Prefill is sent to first token, decode first to last token. `other`: requests of warm-up and drain, and those that did not stream.
 */
export function flowSql({ fromNs, toNs }: Horizon): string {
  const end = `${toNs - BEYOND_NS}::DOUBLE`
  const share = (label: string) => `CASE WHEN n = 0 THEN 0 ELSE n_${label} / n END AS ${label}`
  const sum = (what: string) => `coalesce(sum(${what} * held) OVER before, 0) AS a_${what}`
  return `flights AS MATERIALIZED (SELECT request_id, b, CASE WHEN measured AND first_token_ns IS NOT NULL THEN least(greatest(first_token_ns, b), e) END AS f, e, measured
    FROM (SELECT request_id, first_token_ns, sent_ns AS b, phase = 'measured' AS measured, greatest(sent_ns, coalesce(last_token_ns, end_ns, ${end})) AS e
      FROM requests WHERE sent_ns IS NOT NULL)),
  moves AS (SELECT t, sum(p) AS p, sum(d) AS d, sum(o) AS o FROM (
      SELECT b AS t, CASE WHEN f IS NULL THEN 0 ELSE 1 END AS p, 0 AS d, CASE WHEN f IS NULL THEN 1 ELSE 0 END AS o FROM flights
      UNION ALL SELECT f, -1, 1, 0 FROM flights WHERE f IS NOT NULL
      UNION ALL SELECT e, 0, CASE WHEN f IS NULL THEN 0 ELSE -1 END, CASE WHEN f IS NULL THEN -1 ELSE 0 END FROM flights
      UNION ALL VALUES (${fromNs}::DOUBLE, 0, 0, 0), (${toNs}::DOUBLE, 0, 0, 0)) GROUP BY t),
  counts AS (SELECT t, coalesce(lead(t) OVER (ORDER BY t) - t, 0) AS held, (sum(p) OVER upto)::DOUBLE AS n_prefill,
      (sum(d) OVER upto)::DOUBLE AS n_decode, (sum(o) OVER upto)::DOUBLE AS n_other FROM moves
    WINDOW upto AS (ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)),
  shares AS (SELECT t, held, n, ${share('prefill')}, ${share('decode')}, ${share('other')}, CASE WHEN n = 0 THEN 1 ELSE 0 END AS idle,
      CASE WHEN n = 0 THEN 0 ELSE 1 / n END AS each FROM (SELECT *, n_prefill + n_decode + n_other AS n FROM counts)),
  flow AS MATERIALIZED (SELECT t, n, prefill, decode, other, idle, each, ${[...LABELS, 'each'].map(sum).join(', ')} FROM shares
    WINDOW before AS (ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))`
}
