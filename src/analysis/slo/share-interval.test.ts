import { describe, expect, it } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { shareInterval } from './share-interval.ts'

const BLOCKS = 20
const PER_BLOCK = 20

/** How often the interval holds the truth, over seeded runs whose blocks have shares of their own around `share`. */
function coverage(share: number, spread: number): number {
  const random = randomStream(11).uniform
  let holds = 0
  for (let run = 0; run < 600; run++) {
    const blocks = Array.from({ length: BLOCKS }, () => {
      const own = share + (random() < 0.5 ? spread : -spread)
      return { requests: PER_BLOCK, met: Array.from({ length: PER_BLOCK }).filter(() => random() < own).length }
    })
    const { low, high } = shareInterval(blocks) ?? { low: null, high: null }
    if (low !== null && high !== null && low <= share && share <= high) holds++
  }
  return holds / 600
}

describe('shareInterval', () => {
  // 600 runs: a coverage of 0.95 shows as 0.95 +- 0.018 (two standard deviations).
  it('holds the truth in 95 % of runs of independent requests', () => {
    expect(coverage(0.9, 0)).toBeGreaterThan(0.93)
    expect(coverage(0.5, 0)).toBeGreaterThan(0.93)
  })

  it('does so too where requests of one moment fare alike', () => {
    expect(coverage(0.5, 0.4)).toBeGreaterThan(0.93)
  })

  it('is Wilson where blocks differ no more than chance has it', () => {
    // Wilson, n = 100, F = 0.8, z = 1.96: (0.8 + 0.019208 -+ 1.96 sqrt(0.0016 + 0.00009604)) / 1.038416 = 0.7112, 0.8666.
    const blocks = Array.from({ length: 10 }, () => ({ requests: 10, met: 8 }))
    const { value, low, high } = shareInterval(blocks) ?? {}
    expect(value).toBe(0.8)
    expect(low).toBeCloseTo(0.7112, 3)
    expect(high).toBeCloseTo(0.8666, 3)
  })

  it('doubts a share of all and of none', () => {
    // Wilson of 100 of 100: the lower limit is n / (n + z^2) = 100 / 103.8415.
    const all = shareInterval([{ requests: 100, met: 100 }])
    expect(all).toMatchObject({ value: 1, high: 1 })
    expect(all?.low).toBeCloseTo(100 / 103.8415, 4)
    const none = shareInterval([{ requests: 100, met: 0 }])
    expect(none).toMatchObject({ value: 0, low: 0 })
    expect(none?.high).toBeCloseTo(3.8415 / 103.8415, 4)
  })

  it('has no limits for a handful, and nothing for none', () => {
    expect(shareInterval([{ requests: 5, met: 4 }])).toEqual({ value: 0.8, low: null, high: null })
    expect(shareInterval([])).toBeNull()
  })
})
