import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, msOf, oneRow } from '../rows.ts'
import type { Distribution, Percentile } from './distribution.ts'
import { PERCENTILES, rankInterval, rowsNeeded } from './rank-interval.ts'

/**
 * Distributions of one value a request, in ms, from SQL expressions in ns over `source`; NULLs are not counted.
 * Percentiles are order statistics with exact binomial intervals. Two passes: how many, then which ranks.
 */
export async function rowDistributions<K extends string>(
  reader: RunReader,
  source: string,
  values: Record<K, string>,
): Promise<Record<K, Distribution>> {
  const keys = Object.keys(values) as K[]
  const named = `(SELECT ${keys.map((key) => `${values[key]} AS ${key}`).join(', ')} FROM ${source})`
  const counts = await oneRow(
    reader,
    `SELECT ${keys.map((k) => `count(${k}) AS ${k}_n, min(${k}) AS ${k}_min, max(${k}) AS ${k}_max, avg(${k}) AS ${k}_mean`).join(', ')} FROM ${named}`,
  )
  const wanted = keys.flatMap((key) => {
    const n = countOf(counts, `${key}_n`)
    return PERCENTILES.flatMap((p) => {
      const ranks = rankInterval(n, p)
      return ranks === null ? [] : [{ key, p, n, ranks }]
    })
  })
  const column = (key: string, p: number, limit: string) => `${key}_${p * 100}_${limit}`
  const found =
    wanted.length === 0
      ? {}
      : await oneRow(
          reader,
          `SELECT ${wanted
            .flatMap(({ key, p, n, ranks }) =>
              (['rank', 'low', 'high'] as const).map(
                (limit) => `${byRank(key, ranks[limit], n)} AS ${column(key, p, limit)}`,
              ),
            )
            .join(', ')} FROM ${named}`,
        )
  return Object.fromEntries(
    keys.map((key) => {
      const n = countOf(counts, `${key}_n`)
      if (n === 0) return [key, null]
      const percentile = (p: number): Percentile => {
        const value = msOf(found, column(key, p, 'rank'))
        const low = msOf(found, column(key, p, 'low'))
        const high = msOf(found, column(key, p, 'high'))
        return value === null || low === null || high === null ? { too_few: rowsNeeded(p) } : { value, low, high }
      }
      return [
        key,
        {
          n,
          requests: n,
          min: msOf(counts, `${key}_min`),
          mean: msOf(counts, `${key}_mean`),
          p50: percentile(0.5),
          p90: percentile(0.9),
          p99: percentile(0.99),
          max: msOf(counts, `${key}_max`),
        },
      ]
    }),
  ) as Record<K, Distribution>
}

/** The value of a rank: `quantile_disc(x, f)` is the ceil(n f)-th smallest, and the middle of a rank cannot round off it. */
export function byRank(column: string, rank: number, n: number): string {
  return `quantile_disc(${column}, ${(rank - 0.5) / n}::DOUBLE)`
}
