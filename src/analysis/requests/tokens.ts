import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import type { TOKEN_SOURCES } from '../../trace/tables.ts'
import type { Rate } from '../intervals/rate-resampling.ts'
import { ANSWERED } from '../populations.ts'
import { countOf, numberOf, oneRow, textOf } from '../rows.ts'
import type { CachedBy } from './cached-share.ts'
import { cachedShareBeyondUsage } from './cached-share.ts'
import type { Offered, Span } from './offered.ts'
import { tokenRates } from './token-rates.ts'

export interface TokenSums {
  requests: number
  input_tokens: number | null
  output_tokens: number | null
  cached_tokens: number | null
  reasoning_tokens: number | null
}

export interface Tokens extends TokenSums {
  by_source: (TokenSums & { token_source: (typeof TOKEN_SOURCES)[number] | null })[]
  /** Cached share of the input, of those requests of which it is known. */
  cached_share: number | null
  /** How it is known: the server's usage, else the step log, else the engine's counters, which count other requests too. */
  cached_by: CachedBy | null
  /** Requests whose server reported it. */
  cached_known: number
  /** What the plan wanted cached, of the same input; null where no plan says. */
  intended_cached_share: number | null
  output_per_s: Rate | null
  total_per_s: Rate | null
}

const SUMS = `count(*) AS requests, sum(input_tokens)::DOUBLE AS input, sum(output_tokens)::DOUBLE AS output,
  sum(cached_tokens)::DOUBLE AS cached, sum(reasoning_tokens)::DOUBLE AS reasoning`

/** Tokens of answered requests; a sum is null where no request has the number. */
export async function tokenFigures(
  reader: RunReader,
  span: Span | null,
  concurrency: Offered['concurrency'],
): Promise<Tokens> {
  const known = 'cached_tokens IS NOT NULL AND input_tokens IS NOT NULL'
  const intended = 'intended_cached_tokens IS NOT NULL AND coalesce(intended_input_tokens, input_tokens) > 0'
  const all = await oneRow(
    reader,
    `SELECT ${SUMS}, count(*) FILTER (${known}) AS cached_known,
      sum(cached_tokens) FILTER (${known}) / nullif(sum(input_tokens) FILTER (${known}), 0) AS cached_share,
      sum(intended_cached_tokens) FILTER (${intended}) / nullif(sum(coalesce(intended_input_tokens, input_tokens)) FILTER (${intended}), 0) AS intended_share
    FROM ${ANSWERED}`,
  )
  const bySource = await reader.query(
    `SELECT token_source, ${SUMS} FROM ${ANSWERED} GROUP BY token_source ORDER BY requests DESC, token_source`,
  )
  const reported = numberOf(all, 'cached_share')
  const beyond = reported === null ? await cachedShareBeyondUsage(reader) : null
  return {
    ...sumsOf(all),
    by_source: bySource.map((row) => ({
      token_source: textOf(row, 'token_source') as Tokens['by_source'][number]['token_source'],
      ...sumsOf(row),
    })),
    cached_share: reported ?? beyond?.share ?? null,
    cached_by: reported !== null ? 'usage' : (beyond?.by ?? null),
    cached_known: countOf(all, 'cached_known'),
    intended_cached_share: numberOf(all, 'intended_share'),
    ...(await tokenRates(reader, span, concurrency)),
  }
}

function sumsOf(row: SqlRow): TokenSums {
  return {
    requests: countOf(row, 'requests'),
    input_tokens: numberOf(row, 'input'),
    output_tokens: numberOf(row, 'output'),
    cached_tokens: numberOf(row, 'cached'),
    reasoning_tokens: numberOf(row, 'reasoning'),
  }
}
