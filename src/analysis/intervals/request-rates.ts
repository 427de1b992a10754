import type { RunReader } from '../../store/read/run-reader.ts'
import { BEGIN_NS } from '../populations.ts'
import type { Offered, Span } from '../requests/offered.ts'
import { countOf, oneRow } from '../rows.ts'
import type { Rate } from './rate-resampling.ts'
import { type RateUnits, resampledRate } from './rate-resampling.ts'

/** Beyond this many requests, blocks of time are resampled instead: they fit in memory however long the run. */
const MAX_REQUESTS = 20_000
const BLOCKS = 100
/** A run whose slots were all in use for this share of its span was held back by them, not by its schedule. */
const SLOTS_FULL_SHARE = 0.5

/**
 * Rates over the measured span, per second, of amounts that each row of `source` (rows of requests) brings, in SQL; with
 * intervals. Null where there is no span or no row.
 */
export async function requestRates<K extends string>(
  reader: RunReader,
  span: Span | null,
  concurrency: Offered['concurrency'],
  source: string,
  amounts: Record<K, string>,
): Promise<Record<K, Rate> | null> {
  const requests = countOf(await oneRow(reader, `SELECT count(*) AS n FROM ${source}`), 'n')
  if (span === null || requests === 0) return null
  const keys = Object.keys(amounts) as K[]
  const end = 'coalesce(end_ns, last_token_ns, sent_ns, scheduled_ns)'
  const columns = keys.map((key) => `(${amounts[key]})::DOUBLE AS amount_${key}`).join(', ')
  const blockNs = (span.endNs - span.startNs) / BLOCKS
  const inBlocks = requests > MAX_REQUESTS
  const rows = await reader.query(
    inBlocks
      ? `SELECT ${keys.map((key) => `coalesce(sum(amount_${key}), 0) AS amount_${key}`).join(', ')}, 0 AS seconds FROM range(${BLOCKS}) b(i)
          LEFT JOIN (SELECT ${columns}, greatest(0, least(${BLOCKS - 1}, floor((${end} - ${span.startNs}) / ${blockNs}))) AS i FROM ${source}) r ON r.i = b.i
          GROUP BY b.i ORDER BY b.i`
      : `SELECT ${columns}, coalesce(${end} - ${BEGIN_NS}, 0) / 1e9 AS seconds FROM ${source} ORDER BY request_id`,
  )
  const method: Rate['method'] = inBlocks
    ? 'time_blocks'
    : (concurrency?.share_at_max ?? 0) >= SLOTS_FULL_SHARE
      ? 'slots'
      : 'arrivals'
  const seconds = rows.map((row) => countOf(row, 'seconds'))
  const rate = (key: K) => {
    const units: RateUnits = { amounts: rows.map((row) => countOf(row, `amount_${key}`)), seconds }
    return resampledRate(units, (span.endNs - span.startNs) / 1e9, method, reader.run.seed)
  }
  return Object.fromEntries(keys.map((key) => [key, rate(key)])) as Record<K, Rate>
}
