import { describe, expect, it } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { quantileRank, rankInterval, rowsNeeded } from './rank-interval.ts'

/** P(B = k) by logarithms of factorials: another way than the one under test. */
function binomialPmf(n: number, p: number, k: number): number {
  let log = 0
  for (let i = 1; i <= k; i++) log += Math.log((n - k + i) / i)
  return Math.exp(log + k * Math.log(p) + (n - k) * Math.log(1 - p))
}

function coverage(n: number, p: number, low: number, high: number): number {
  let sum = 0
  for (let k = low; k < high; k++) sum += binomialPmf(n, p, k)
  return sum
}

describe('rankInterval', () => {
  it('asks for the rows with which the extremes enclose the quantile', () => {
    expect([0.5, 0.9, 0.99].map(rowsNeeded)).toEqual([6, 29, 299])
    for (const p of [0.5, 0.9, 0.99]) {
      const n = rowsNeeded(p)
      expect(coverage(n, p, 1, n)).toBeGreaterThanOrEqual(0.95)
      expect(coverage(n - 1, p, 1, n - 1)).toBeLessThan(0.95)
      expect(rankInterval(n - 1, p)).toBeNull()
      expect(rankInterval(n, p)).toMatchObject({ high: n })
    }
  })

  it('covers with at least 95 % by the binomial, and no narrower interval of that tail would', () => {
    for (const p of [0.5, 0.9, 0.99]) {
      for (const n of [6, 7, 10, 29, 30, 36, 50, 100, 299, 300, 368, 369, 500, 1000]) {
        const ranks = rankInterval(n, p)
        if (ranks === null) continue
        expect(ranks.low).toBeGreaterThanOrEqual(1)
        expect(ranks.high).toBeLessThanOrEqual(n)
        expect(ranks.low).toBeLessThanOrEqual(ranks.rank)
        expect(ranks.high).toBeGreaterThanOrEqual(ranks.rank)
        expect(coverage(n, p, ranks.low, ranks.high)).toBeGreaterThanOrEqual(0.95 - 1e-9)
        const below = coverage(n, p, 0, ranks.low + 1)
        const narrower = coverage(n, p, ranks.low + 1, ranks.high)
        expect(below > 0.025 || narrower < 0.95).toBe(true)
      }
    }
  })

  it('holds the known ranks of the median of 100 and of ten million rows', () => {
    expect(rankInterval(100, 0.5)).toEqual({ rank: 50, low: 40, high: 61 })
    const large = rankInterval(10_000_000, 0.99)
    const half = 1.959964 * Math.sqrt(1e7 * 0.99 * 0.01)
    expect(Math.abs((large?.low ?? 0) - (9_900_000 - half))).toBeLessThan(3)
    expect(Math.abs((large?.high ?? 0) - (9_900_000 + half))).toBeLessThan(3)
  })

  it.each([
    [0.5, 6],
    [0.5, 41],
    [0.9, 29],
    [0.9, 120],
    [0.99, 299],
  ])('encloses the true p%f of %i skewed rows at least 19 times in 20', (p, n) => {
    const random = randomStream(20_240 + n).uniform
    const truth = -Math.log(1 - p)
    const ranks = rankInterval(n, p)
    let inside = 0
    const rounds = 2000
    for (let round = 0; round < rounds; round++) {
      const rows = Array.from({ length: n }, () => -Math.log(1 - random())).sort((a, b) => a - b)
      const low = rows[(ranks?.low ?? 1) - 1] as number
      const high = rows[(ranks?.high ?? 1) - 1] as number
      if (low <= truth && truth <= high) inside++
    }
    // Three standard errors of 2,000 rounds at 0.95.
    expect(inside / rounds).toBeGreaterThan(0.95 - 3 * Math.sqrt((0.95 * 0.05) / rounds))
  })
})

describe('quantileRank', () => {
  it('is the smallest rank that reaches the share, whatever n p rounds to', () => {
    for (const percent of [50, 90, 99]) {
      for (let n = 1; n <= 3000; n++) {
        expect(quantileRank(n, percent / 100)).toBe(Math.floor((n * percent + 99) / 100))
      }
    }
  })
})
