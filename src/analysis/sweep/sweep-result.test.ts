import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StepOutcome } from './level-search.ts'
import { judgeShare } from './step-outcome.ts'
import { sweepResult } from './sweep-result.ts'

type Step = Parameters<typeof sweepResult>[1][number]

/** A step whose attainment has this value, with an interval of so much to either side. */
function step(level: number, value: number, half = 0.01, target = 0.9): Step {
  const share = { value, low: Math.max(0, value - half), high: Math.min(1, value + half) }
  return {
    level,
    offered_per_s: level * 1.1,
    achieved_per_s: level * 0.9,
    slo_attainment: share,
    ...judgeShare(share, target),
  }
}

const notOffered = (level: number): Step => ({ ...step(level, 1), outcome: 'not_offered' as StepOutcome, sure: true })

describe('sweepResult', () => {
  it('is the highest rate that meets, between the rates that are sure', () => {
    const steps = [step(1, 1), step(2, 0.95), step(4, 0.91, 0.05), step(8, 0.88, 0.05), step(16, 0.2)]
    expect(sweepResult('rate', steps, 0.9)).toEqual({
      target: 0.9,
      highest: 4,
      max_goodput_per_s: 4.4,
      fails_at: 8,
      fails_at_per_s: 8.8,
      failed_below: [],
      bracket: 'bracketed',
      sure: { low: 2, high: 16 },
      undecided: [4, 8],
      not_offered: [],
    })
  })

  it('says where it is not bracketed, and why', () => {
    expect(sweepResult('rate', [step(1, 1), step(2, 1)], 0.9)).toMatchObject({ highest: 2, bracket: 'all_met' })
    expect(sweepResult('rate', [step(1, 0.1), step(2, 0)], 0.9)).toMatchObject({
      highest: null,
      max_goodput_per_s: null,
      bracket: 'none_met',
      sure: { low: null, high: 1 },
    })
    expect(sweepResult('rate', [step(1, 1), notOffered(2)], 0.9)).toMatchObject({
      highest: 1,
      fails_at: null,
      bracket: 'not_offered',
      not_offered: [2],
    })
    expect(sweepResult('rate', [notOffered(1)], 0.9)).toMatchObject({ highest: null, bracket: 'not_offered' })
    expect(sweepResult('rate', [], 0.9).bracket).toBe('nothing')
  })

  it('has the rate of the answers for a concurrency, and lower levels that failed', () => {
    const steps = [step(1, 0.5), step(2, 1), step(4, 0.5)]
    expect(sweepResult('concurrency', steps, 0.9)).toMatchObject({
      highest: 2,
      max_goodput_per_s: 1.8,
      fails_at: 4,
      fails_at_per_s: 3.6,
      failed_below: [1],
    })
  })

  it('never is sure of less than nothing: low below high, whatever the steps', () => {
    const any = fc.record({ level: fc.integer({ min: 1, max: 30 }), value: fc.double({ min: 0, max: 1, noNaN: true }) })
    fc.assert(
      fc.property(fc.uniqueArray(any, { selector: ({ level }) => level }), (given) => {
        const { sure } = sweepResult(
          'rate',
          given.map(({ level, value }) => step(level, value, 0.05)),
          0.9,
        )
        if (sure.low !== null && sure.high !== null) expect(sure.low).toBeLessThan(sure.high)
      }),
    )
  })
})

describe('judgeShare', () => {
  it.each([
    [{ value: 0.95, low: 0.92, high: 0.97 }, 'meets', true],
    [{ value: 0.95, low: 0.89, high: 0.97 }, 'meets', false],
    [{ value: 0.85, low: 0.8, high: 0.89 }, 'fails', true],
    [{ value: 0.85, low: 0.8, high: 0.9 }, 'fails', false],
    [{ value: 1, low: null, high: null }, 'meets', false],
    [{ value: 0, low: null, high: null }, 'fails', false],
  ] as const)('%j against 0.9: %s, sure %s', (share, outcome, sure) => {
    expect(judgeShare(share, 0.9)).toEqual({ outcome, sure })
  })
})

describe('a level that was run again', () => {
  it('counts by its last, longest step', () => {
    const steps = [step(1, 1), step(2, 0.91, 0.05), step(2, 0.7), step(4, 0.1)]
    expect(sweepResult('rate', steps, 0.9)).toMatchObject({
      highest: 1,
      fails_at: 2,
      undecided: [],
      sure: { low: 1, high: 2 },
    })
  })
})
