import type { RunReader } from '../../store/read/run-reader.ts'
import type { Distribution } from '../intervals/distribution.ts'
import { rowDistributions } from '../intervals/row-distributions.ts'
import { TIMED } from '../populations.ts'
import { countOf, oneRow } from '../rows.ts'

/** What the server's own spans say of the answered requests, ms. */
export interface SpanFigures {
  /** Requests with a span, and answered ones in all. */
  requests: number
  answered: number
  queue_ms: Distribution
  prefill_ms: Distribution
  decode_ms: Distribution
  /** The span itself. */
  whole_ms: Distribution
}

const PARTS = ['queue', 'prefill', 'decode'] as const

/** Null for a run without spans. */
export async function spanFigures(reader: RunReader): Promise<SpanFigures | null> {
  const spans = `(SELECT request_id, max(dur_ns) FILTER (name NOT IN ('queue', 'prefill', 'decode')) AS whole,
      ${PARTS.map((part) => `max(dur_ns) FILTER (name = '${part}') AS ${part}`).join(', ')}
    FROM named_slices WHERE category = 'otlp' GROUP BY request_id)`
  const row = await oneRow(
    reader,
    `SELECT count(*) AS requests, (SELECT count(*) FROM ${TIMED}) AS answered FROM ${spans} s SEMI JOIN ${TIMED} t ON s.request_id = t.request_id`,
  )
  const any = await oneRow(reader, `SELECT count(*) AS n FROM slices WHERE category = 'otlp'`)
  if (countOf(any, 'n') === 0) return null
  const timed = `(SELECT s.* FROM ${spans} s SEMI JOIN ${TIMED} t ON s.request_id = t.request_id)`
  const { queue, prefill, decode, whole } = await rowDistributions(reader, timed, {
    queue: 'queue',
    prefill: 'prefill',
    decode: 'decode',
    whole: 'whole',
  })
  return {
    requests: countOf(row, 'requests'),
    answered: countOf(row, 'answered'),
    queue_ms: queue,
    prefill_ms: prefill,
    decode_ms: decode,
    whole_ms: whole,
  }
}
