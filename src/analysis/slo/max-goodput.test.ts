import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maxGoodput } from './max-goodput.ts'

const steps = (...pairs: [number, number][]) =>
  pairs.map(([rate_per_s, slo_attainment]) => ({ rate_per_s, slo_attainment }))

describe('maxGoodput', () => {
  it('is the highest rate that reaches the target, whatever order the steps came in', () => {
    expect(maxGoodput(steps([8, 0.2], [2, 1], [4, 0.95]), 0.95)).toEqual({
      target: 0.95,
      max_goodput_per_s: 4,
      fails_at_per_s: 8,
      failed_below: [],
    })
  })

  it('says where nothing higher was tried, where none reaches it, and where a lower one failed', () => {
    expect(maxGoodput(steps([1, 1], [2, 1]), 0.9)).toMatchObject({ max_goodput_per_s: 2, fails_at_per_s: null })
    expect(maxGoodput(steps([1, 0.5], [2, 0.1]), 0.9)).toMatchObject({ max_goodput_per_s: null, fails_at_per_s: 1 })
    expect(maxGoodput(steps([1, 1], [2, 0.5], [3, 1]), 0.9)).toMatchObject({ max_goodput_per_s: 3, failed_below: [2] })
    expect(maxGoodput([], 0.9)).toMatchObject({ max_goodput_per_s: null, fails_at_per_s: null })
  })

  it('takes the mean of a rate that was tried again', () => {
    expect(maxGoodput(steps([1, 1], [2, 0.8], [2, 1]), 0.95).max_goodput_per_s).toBe(1)
    expect(maxGoodput(steps([1, 1], [2, 0.8], [2, 1]), 0.9).max_goodput_per_s).toBe(2)
  })

  it('reaches the target, and nothing above it does', () => {
    const step = fc.record({
      rate_per_s: fc.integer({ min: 1, max: 50 }),
      slo_attainment: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    const distinct = fc.uniqueArray(step, { selector: ({ rate_per_s }) => rate_per_s })
    fc.assert(
      fc.property(distinct, fc.double({ min: 0, max: 1, noNaN: true }), (tried, target) => {
        const { max_goodput_per_s: best } = maxGoodput(tried, target)
        const reaching = tried
          .filter(({ slo_attainment }) => slo_attainment >= target - 1e-12)
          .map(({ rate_per_s }) => rate_per_s)
        expect(best).toBe(reaching.length === 0 ? null : Math.max(...reaching))
      }),
    )
  })
})
