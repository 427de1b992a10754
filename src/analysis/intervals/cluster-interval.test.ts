import { describe, expect, it } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { type ClusterRanks, type ClusterSums, clusterRanks, studentT975 } from './cluster-interval.ts'
import { quantileRank } from './rank-interval.ts'

type Random = () => number
const normal = (random: Random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** Requests whose gaps share a pace of their own: log-normal, `between` the spread of paces, 0.3 that within. */
function requests(random: Random, k: number, between: number): number[][] {
  return Array.from({ length: k }, () => {
    const pace = between * normal(random)
    return Array.from({ length: 20 + Math.floor(random() * 40) }, () => Math.exp(pace + 0.3 * normal(random)))
  })
}

/** A typed array sorts numbers as numbers, and fast. */
const sorted = (values: number[]) => Float64Array.from(values).sort()

function quantile(rows: Float64Array, p: number): number {
  return rows[quantileRank(rows.length, p) - 1] as number
}

function sumsOf(clusters: number[][], q: number): ClusterSums {
  const counts = clusters.map((gaps) => ({ m: gaps.length, a: gaps.filter((gap) => gap <= q).length }))
  const sum = (f: (c: { m: number; a: number }) => number) => counts.reduce((total, c) => total + f(c), 0)
  return {
    requests: clusters.length,
    rows: sum((c) => c.m),
    a: sum((c) => c.a),
    aa: sum((c) => c.a * c.a),
    am: sum((c) => c.a * c.m),
    mm: sum((c) => c.m * c.m),
  }
}

function interval(clusters: number[][], p: number): { low: number; high: number } {
  const pooled = sorted(clusters.flat())
  const ranks: ClusterRanks = clusterRanks(p, sumsOf(clusters, quantile(pooled, p)))
  if ('tooFew' in ranks) throw new Error(`too few: ${ranks.tooFew}`)
  return { low: pooled[ranks.low - 1] as number, high: pooled[ranks.high - 1] as number }
}

describe('clusterRanks', () => {
  it('agrees with a bootstrap that draws whole requests', () => {
    for (const p of [0.5, 0.9]) {
      const random = randomStream(11).uniform
      const clusters = requests(random, 120, 0.4)
      const { low, high } = interval(clusters, p)
      const draws = sorted(
        Array.from({ length: 400 }, () => {
          const drawn = clusters.flatMap(() => clusters[Math.floor(random() * clusters.length)] as number[])
          return quantile(sorted(drawn), p)
        }),
      )
      const [bootLow, bootHigh] = [quantile(draws, 0.025), quantile(draws, 0.975)]
      const width = bootHigh - bootLow
      expect(Math.abs(low - bootLow)).toBeLessThan(0.25 * width)
      expect(Math.abs(high - bootHigh)).toBeLessThan(0.25 * width)
    }
  })

  it('covers the true median of clustered gaps, where an interval for independent rows would not', () => {
    const random = randomStream(5).uniform
    const rounds = 300
    let inside = 0
    let insideIfRows = 0
    for (let round = 0; round < rounds; round++) {
      const clusters = requests(random, 30, 0.5)
      const { low, high } = interval(clusters, 0.5)
      if (low <= 1 && 1 <= high) inside++
      const pooled = sorted(clusters.flat())
      const half = (1.96 * Math.sqrt(0.25 / pooled.length)) as number
      if (quantile(pooled, 0.5 - half) <= 1 && 1 <= quantile(pooled, 0.5 + half)) insideIfRows++
    }
    expect(inside / rounds).toBeGreaterThan(0.95 - 3 * Math.sqrt((0.95 * 0.05) / rounds))
    expect(insideIfRows / rounds).toBeLessThan(0.6)
  })

  it('is never narrower than that of independent rows, however alike the requests are', () => {
    const alike = Array.from({ length: 50 }, () => Array.from({ length: 20 }, (_, i) => i + 1))
    const ranks = clusterRanks(0.5, sumsOf(alike, 10))
    const half = studentT975(49) * Math.sqrt(0.25 / 1000)
    expect(ranks).toEqual({ low: Math.floor(1000 * (0.5 - half)), high: Math.ceil(1000 * (0.5 + half)) })
  })

  it('says how many requests like these would do, and that many do', () => {
    const random = randomStream(3).uniform
    const clusters = requests(random, 5, 0.5)
    const sums = sumsOf(clusters, quantile(sorted(clusters.flat()), 0.99))
    const few = clusterRanks(0.99, sums)
    if (!('tooFew' in few)) throw new Error('5 requests should not do for a p99')
    const grown = (times: number): ClusterSums => ({
      requests: sums.requests * times,
      rows: sums.rows * times,
      a: sums.a * times,
      aa: sums.aa * times,
      am: sums.am * times,
      mm: sums.mm * times,
    })
    expect(few.tooFew).toBeGreaterThan(5)
    expect(clusterRanks(0.99, grown(Math.ceil(few.tooFew / 5)))).toHaveProperty('low')
    expect(clusterRanks(0.99, grown(Math.max(1, Math.floor(few.tooFew / 5) - 1)))).toHaveProperty('tooFew')
  })

  it('needs two requests', () => {
    expect(clusterRanks(0.5, { requests: 1, rows: 1000, a: 500, aa: 250_000, am: 500_000, mm: 1e6 })).toEqual({
      tooFew: 2,
    })
  })
})

describe('studentT975', () => {
  it('matches the published points', () => {
    for (const [df, point] of [
      [1, 12.7062],
      [10, 2.2281],
      [11, 2.201],
      [15, 2.1314],
      [30, 2.0423],
      [120, 1.9799],
    ] as const) {
      expect(studentT975(df)).toBeCloseTo(point, 3)
    }
  })
})
