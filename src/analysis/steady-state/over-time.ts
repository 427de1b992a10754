import type { RunReader } from '../../store/read/run-reader.ts'
import { BEGIN_NS, MEASURED } from '../populations.ts'
import type { Span } from '../requests/offered.ts'
import { countOf } from '../rows.ts'

/** One stretch of a run. */
export interface LoadBin {
  /** Measured requests that were due in it, that were sent, that ended ok, that ended otherwise; a second. */
  offered_per_s: number
  sent_per_s: number
  answered_per_s: number
  failed_per_s: number
  /** Requests in flight, of every phase, on average. */
  in_flight: number
  /** Tokens of answered requests of every phase, each request's spread evenly from its first to its last. */
  output_tokens_per_s: number
}

/** The load over time, in stretches of one length from `span.startNs` on. */
export async function loadOverTime(reader: RunReader, span: Span, bins: number): Promise<LoadBin[]> {
  const widthNs = (span.endNs - span.startNs) / bins
  const bin = (ns: string) => `floor((${ns} - ${span.startNs}) / ${widthNs})`
  // The end of the span belongs to its last bin.
  const atEnd = (ns: string) => `CASE WHEN ${ns} = ${span.endNs} THEN ${bins - 1} ELSE ${bin(ns)} END`
  const moments = (ns: string, what: string, condition: string) =>
    `SELECT ${atEnd(ns)} AS i, '${what}' AS what, 1.0 AS amount FROM ${MEASURED} WHERE ${condition} AND ${ns} IS NOT NULL`
  const spread = (from: string, to: string, amount: string, what: string, condition: string) =>
    `SELECT i, '${what}' AS what, ${amount} * (least(b, ${span.startNs} + (i + 1) * ${widthNs}) - greatest(a, ${span.startNs} + i * ${widthNs})) AS amount
      FROM (SELECT *, unnest(range(greatest(0, ${bin('a')})::BIGINT, least(${bins}, ${bin('b')} + 1)::BIGINT)) AS i
        FROM (SELECT *, ${from} AS a, ${to} AS b FROM requests WHERE ${condition}) WHERE b > a AND a < ${span.endNs} AND b > ${span.startNs})`
  const rows = await reader.query(
    `WITH parts AS (
      ${[
        moments('scheduled_ns', 'offered', 'true'),
        moments('sent_ns', 'sent', 'true'),
        moments('end_ns', 'answered', "status = 'ok'"),
        moments('end_ns', 'failed', "status <> 'ok'"),
        spread(BEGIN_NS, `coalesce(end_ns, ${span.endNs}::DOUBLE)`, '1.0', 'in_flight', `${BEGIN_NS} IS NOT NULL`),
        spread(
          'first_token_ns',
          'last_token_ns',
          'output_tokens / (b - a)',
          'tokens',
          "status = 'ok' AND output_tokens > 0",
        ),
        `SELECT ${atEnd('last_token_ns')} AS i, 'tokens' AS what, output_tokens::DOUBLE AS amount FROM requests
          WHERE status = 'ok' AND output_tokens > 0 AND first_token_ns = last_token_ns`,
      ].join(' UNION ALL ')})
    SELECT i, ${['offered', 'sent', 'answered', 'failed', 'in_flight', 'tokens'].map((what) => `sum(amount) FILTER (what = '${what}') AS ${what}`).join(', ')}
    FROM parts WHERE i BETWEEN 0 AND ${bins - 1} GROUP BY i`,
  )
  const found = new Map(rows.map((row) => [Number(row.i), row]))
  const seconds = widthNs / 1e9
  return Array.from({ length: bins }, (_, i) => {
    const row = found.get(i) ?? {}
    return {
      offered_per_s: countOf(row, 'offered') / seconds,
      sent_per_s: countOf(row, 'sent') / seconds,
      answered_per_s: countOf(row, 'answered') / seconds,
      failed_per_s: countOf(row, 'failed') / seconds,
      in_flight: countOf(row, 'in_flight') / widthNs,
      output_tokens_per_s: countOf(row, 'tokens') / seconds,
    }
  })
}
