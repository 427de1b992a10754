import type { RunReader } from '../../store/read/run-reader.ts'
import { type ClusterRanks, clusterRanks } from '../intervals/cluster-interval.ts'
import { PERCENTILES } from '../intervals/rank-interval.ts'
import { byRank } from '../intervals/row-distributions.ts'
import type { Distribution, Percentile } from '../report.ts'
import { countOf, msOf, numberOf, oneRow } from '../rows.ts'

/** A gap this many times the run's median gap is a stall. */
export const STALL_FACTOR = 3

export interface GapFigures {
  distribution: Distribution
  /** Time within stalls, ns. */
  stalledNs: number
  /** What a stall is longer than, ns. */
  stallNs: number | null
}

/**
 * The distribution, in ms, of values pooled over requests, of which each request gives many: `source` has columns
 * request_id and `value_ns`; NULL values are not counted. Intervals take the request as the cluster.
 */
export async function gapDistribution(reader: RunReader, source: string, valueNs: string): Promise<GapFigures> {
  const values = `v AS MATERIALIZED (SELECT request_id, ${valueNs} AS x FROM ${source})`
  // A hair below each p, so that quantile_disc's rank ceil(n p) does not depend on how n p rounds.
  const fractions = PERCENTILES.map((p) => `${p - 1e-12}::DOUBLE`).join(', ')
  const sums = await oneRow(
    reader,
    `WITH ${values},
    q AS (SELECT quantile_disc(x, [${fractions}]) AS q, min(x) AS low, max(x) AS high, avg(x) AS mean FROM v),
    r AS (SELECT request_id, count(x)::DOUBLE AS m,
        ${PERCENTILES.map((_, i) => `count(*) FILTER (x <= q[${i + 1}])::DOUBLE AS a${i}`).join(', ')},
        sum(x) FILTER (x > ${STALL_FACTOR} * q[1]) AS stalled
      FROM v, q GROUP BY request_id HAVING m > 0)
    SELECT count(*) AS requests, sum(m) AS n, sum(m * m) AS mm, coalesce(sum(stalled), 0) AS stalled,
      ${PERCENTILES.map((_, i) => `any_value(q[${i + 1}]) AS q${i}, sum(a${i}) AS a${i}, sum(a${i} * a${i}) AS aa${i}, sum(a${i} * m) AS am${i}`).join(', ')},
      any_value(low) AS low, any_value(high) AS high, any_value(mean) AS mean
    FROM r, q`,
  )
  const n = countOf(sums, 'n')
  if (n === 0) return { distribution: null, stalledNs: 0, stallNs: null }
  const requests = countOf(sums, 'requests')
  const ranks = PERCENTILES.map((p, i) =>
    clusterRanks(p, {
      requests,
      rows: n,
      a: countOf(sums, `a${i}`),
      aa: countOf(sums, `aa${i}`),
      am: countOf(sums, `am${i}`),
      mm: countOf(sums, 'mm'),
    }),
  )
  const limits = await limitsOf(reader, values, ranks, n)
  const percentile = (i: number): Percentile => {
    const rank = ranks[i] as ClusterRanks
    if ('tooFew' in rank) return { too_few: rank.tooFew }
    return {
      value: msOf(sums, `q${i}`) as number,
      low: msOf(limits, `low${i}`) as number,
      high: msOf(limits, `high${i}`) as number,
    }
  }
  return {
    distribution: {
      n,
      requests,
      min: msOf(sums, 'low') as number,
      mean: msOf(sums, 'mean') as number,
      p50: percentile(0),
      p90: percentile(1),
      p99: percentile(2),
      max: msOf(sums, 'high') as number,
    },
    stalledNs: countOf(sums, 'stalled'),
    stallNs: STALL_FACTOR * (numberOf(sums, 'q0') as number),
  }
}

async function limitsOf(reader: RunReader, values: string, ranks: readonly ClusterRanks[], n: number) {
  const columns = ranks.flatMap((rank, i) =>
    'tooFew' in rank ? [] : [`${byRank('x', rank.low, n)} AS low${i}`, `${byRank('x', rank.high, n)} AS high${i}`],
  )
  return columns.length === 0 ? {} : oneRow(reader, `WITH ${values} SELECT ${columns.join(', ')} FROM v`)
}
