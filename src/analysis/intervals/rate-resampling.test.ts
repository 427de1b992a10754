import { describe, expect, it } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { MIN_UNITS, resampledRate } from './rate-resampling.ts'

const random = randomStream(1).uniform
const units = Array.from({ length: 400 }, () => 50 + 100 * random())

describe('resampledRate', () => {
  it('is as wide as the theory of sums says, for a fixed span', () => {
    const rate = resampledRate({ amounts: units, seconds: units.map(() => 1) }, 100, 'arrivals', 42)
    const mean = units.reduce((a, b) => a + b) / 400
    const deviation = Math.sqrt(units.reduce((a, b) => a + (b - mean) ** 2, 0) / 400)
    const half = (1.96 * deviation * Math.sqrt(400)) / 100
    expect(rate.value).toBeCloseTo((mean * 400) / 100, 9)
    expect(rate.high ?? 0).toBeGreaterThan(rate.value)
    expect(((rate.high ?? 0) - (rate.low ?? 0)) / (2 * half)).toBeGreaterThan(0.75)
    expect(((rate.high ?? 0) - (rate.low ?? 0)) / (2 * half)).toBeLessThan(1.25)
  })

  it('knows in slots that a long answer also takes long: at one speed there is nothing to doubt', () => {
    const rate = resampledRate({ amounts: units, seconds: units.map((n) => n / 40) }, 1000, 'slots', 42)
    expect(rate.low).toBeCloseTo(rate.value, 9)
    expect(rate.high).toBeCloseTo(rate.value, 9)
  })

  it('gives the same interval for the same seed, and another for another', () => {
    const once = (seed: number) => resampledRate({ amounts: units, seconds: units }, 100, 'arrivals', seed)
    expect(once(9)).toEqual(once(9))
    expect(once(9).low).not.toBe(once(10).low)
  })

  it('gives no interval for a handful', () => {
    const few = { amounts: units.slice(0, MIN_UNITS - 1), seconds: units.slice(0, MIN_UNITS - 1) }
    expect(resampledRate(few, 10, 'arrivals', 1)).toMatchObject({ low: null, high: null })
  })
})
