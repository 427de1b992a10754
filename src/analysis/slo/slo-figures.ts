import type { RunReader } from '../../store/read/run-reader.ts'
import type { Rate } from '../intervals/rate-resampling.ts'
import { requestRates } from '../intervals/request-rates.ts'
import { MEASURED } from '../populations.ts'
import type { Offered, Span } from '../requests/offered.ts'
import { countOf, oneRow } from '../rows.ts'
import { type Share, shareInterval } from './share-interval.ts'
import { judgedRequests, type SloLimit } from './slo.ts'

/** How a run did by its service level objectives; definitions in docs/metrics.md. */
export interface SloFigures {
  limits: (SloLimit & {
    /** Answered requests that kept this limit, that broke it, and of which it is not known. */
    met: number
    missed: number
    unknown: number
  })[]
  /** Measured requests, however they ended. */
  offered: number
  answered: number
  /** Requests that kept every limit. */
  met: number
  /** met / offered. */
  slo_attainment: Share | null
  /** Of requests that kept every limit, over the measured span. */
  goodput: { requests_per_s: Rate; output_tokens_per_s: Rate; total_tokens_per_s: Rate } | null
}

const MAX_BLOCKS = 100

/**
 * Attainment and goodput of the measured requests. Intervals treat blocks of time (attainment) and requests or blocks
 * (goodput) as what is independent, never the gaps of one request.
 */
export async function sloFigures(
  reader: RunReader,
  limits: readonly SloLimit[],
  span: Span | null,
  concurrency: Offered['concurrency'],
): Promise<SloFigures> {
  const judged = `(${judgedRequests(MEASURED, limits)})`
  const counts = limits.map(
    (_, i) => `count(*) FILTER (status = 'ok' AND met_${i}) AS met_${i},
      count(*) FILTER (status = 'ok' AND NOT met_${i}) AS missed_${i}, count(*) FILTER (met_${i} IS NULL) AS unknown_${i}`,
  )
  const row = await oneRow(
    reader,
    `SELECT count(*) AS offered, count(*) FILTER (status = 'ok') AS answered, count(*) FILTER (met) AS met, ${counts.join(', ')} FROM ${judged}`,
  )
  const offered = countOf(row, 'offered')
  const blockCount = Math.min(MAX_BLOCKS, Math.max(1, Math.floor(Math.sqrt(offered))))
  const blocks = await reader.query(
    `SELECT block, count(*) AS requests, count(*) FILTER (met) AS met
      FROM (SELECT met, ntile(${blockCount}) OVER (ORDER BY scheduled_ns, request_id) AS block FROM ${judged}) GROUP BY block ORDER BY block`,
  )
  const good = (tokens: string) => `CASE WHEN met THEN ${tokens} ELSE 0 END`
  const rates = await requestRates(reader, span, concurrency, judged, {
    requests: good('1'),
    output: good('coalesce(output_tokens, 0)'),
    total: good('coalesce(input_tokens, 0) + coalesce(output_tokens, 0)'),
  })
  return {
    limits: limits.map((limit, i) => ({
      ...limit,
      met: countOf(row, `met_${i}`),
      missed: countOf(row, `missed_${i}`),
      unknown: countOf(row, `unknown_${i}`),
    })),
    offered,
    answered: countOf(row, 'answered'),
    met: countOf(row, 'met'),
    slo_attainment: shareInterval(
      blocks.map((block) => ({ requests: countOf(block, 'requests'), met: countOf(block, 'met') })),
    ),
    goodput:
      rates === null
        ? null
        : {
            requests_per_s: rates.requests,
            output_tokens_per_s: rates.output,
            total_tokens_per_s: rates.total,
          },
  }
}
