import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LogCounts } from './log-counts.ts'

const durations = fc.array(fc.double({ min: 1024, max: 2 ** 43, maxExcluded: true, noNaN: true }), { minLength: 1 })

function counted(values: readonly number[]): LogCounts {
  const counts = new LogCounts()
  for (const value of values) counts.record(value)
  return counts
}

describe('counted durations', () => {
  it('give each quantile within 0.8 % of the sorted list', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const sorted = [...values].sort((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil(share * values.length) - 1)] as number
        expect(Math.abs(counted(values).quantile(share) / exact - 1)).toBeLessThanOrEqual(1 / 128)
      }),
    )
  })

  it('count below a bound of 2^k or 1.5 x 2^k as a comparison does', () => {
    const bounds = fc.tuple(fc.integer({ min: 10, max: 42 }), fc.constantFrom(1, 1.5)).map(([k, f]) => f * 2 ** k)
    const near = fc.tuple(bounds, fc.constantFrom(1 - 2 ** -52, 1, 1 + 2 ** -52)).map(([bound, f]) => bound * f)
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            near,
            durations.map(([first]) => first as number),
          ),
        ),
        bounds,
        (values, bound) => {
          expect(counted(values).below(bound)).toBe(values.filter((value) => value < bound).length)
        },
      ),
    )
  })

  it('of two add up to those of one', () => {
    fc.assert(
      fc.property(durations, durations, (a, b) => {
        const together = counted(a)
        together.add(counted(b))
        const one = counted([...a, ...b])
        expect([together.counts, together.n, together.maxNs]).toEqual([one.counts, one.n, one.maxNs])
        expect(together.sumNs).toBeCloseTo(one.sumNs, -6)
      }),
      { numRuns: 30 },
    )
  })

  it('take whatever comes', () => {
    const counts = counted([Number.NaN, -5, 0, 12, Number.POSITIVE_INFINITY])
    expect(counts.n).toBe(4)
    expect(counts.quantile(0.5)).toBeLessThan(1024)
    expect(counts.quantile(1)).toBe(Number.POSITIVE_INFINITY)
    counts.clear()
    expect(counts.quantile(0.5)).toBeNaN()
  })
})
