import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { mserCut, steadyCuts } from './mser.ts'

const level = (n: number, value = 10) => Array.from({ length: n }, () => value)
const ramp = (n: number, to = 10) => Array.from({ length: n }, (_, i) => (to * i) / n)

describe('mserCut', () => {
  it('is worked out by hand for a short series', () => {
    // 0 8 10 8 10 8: z(0) = (squares 53.78 + .44 + 7.11 + .44 + 7.11 + .44) / 36 = 69.33 / 36 = 1.93; z(1) = 4.8 / 25 = 0.192;
    // z(2) = 4 / 16 = 0.25; z(3) = 2.67 / 9 = 0.296.
    expect(mserCut([0, 8, 10, 8, 10, 8])).toBe(1)
  })

  it('cuts a ramp where it ends, and nothing of a level', () => {
    expect(mserCut([...ramp(20), ...level(80)])).toBe(20)
    expect(mserCut(level(100))).toBe(0)
    expect(mserCut(level(100, 0.1))).toBe(0)
  })

  it('finds the end of a slow approach through noise, within a tenth of the run', () => {
    const random = randomStream('mser').uniform
    const series = Array.from({ length: 100 }, (_, i) => 50 * (1 - Math.exp(-i / 8)) + 10 * (random() - 0.5))
    expect(mserCut(series)).toBeGreaterThanOrEqual(12)
    expect(mserCut(series)).toBeLessThanOrEqual(32)
  })

  it('says so of a series that never settles, or that has no middle', () => {
    expect(mserCut(ramp(100))).toBeNull()
    expect(mserCut([...ramp(60), ...level(40)])).toBeNull()
    expect(mserCut([1])).toBeNull()
    expect(mserCut([])).toBeNull()
  })

  it('leaves out little of noise around a level', () => {
    const cuts = Array.from({ length: 200 }, (_, seed) => {
      const random = randomStream('noise', seed).uniform
      return mserCut(Array.from({ length: 100 }, () => random()))
    })
    expect(cuts.filter((cut) => cut !== null && cut <= 20).length).toBeGreaterThan(180)
  })

  it('knows neither the unit nor the zero of what it is given', () => {
    const series = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 4, maxLength: 60 })
    fc.assert(
      fc.property(
        series,
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: -500, max: 500 }),
        (values, scale, shift) => {
          const limit = Math.floor(values.length / 2)
          const z = (d: number) => {
            const rest = values.slice(d)
            const mean = rest.reduce((a, b) => a + b, 0) / rest.length
            return rest.reduce((sum, x) => sum + (x - mean) ** 2, 0) / rest.length ** 2
          }
          const all = Array.from({ length: limit + 1 }, (_, d) => z(d))
          const cut = mserCut(values.map((value) => value * scale + shift)) ?? limit
          expect(all[cut]).toBeCloseTo(Math.min(...all), 6)
        },
      ),
    )
  })
})

describe('steadyCuts', () => {
  it('takes the longest cut of the series at each end', () => {
    expect(steadyCuts([level(100), [...ramp(10), ...level(90)]])).toEqual({ front: 10, back: 0 })
    expect(
      steadyCuts([
        [...level(95), ...ramp(5).reverse()],
        [...ramp(10), ...level(90)],
      ]),
    ).toEqual({ front: 10, back: 5 })
  })

  it('says at which end the load had not settled', () => {
    expect(steadyCuts([[...ramp(70), ...level(30)]])).toMatchObject({ unsettled: expect.stringMatching(/front|both/) })
    expect(steadyCuts([level(100), [...level(30), ...ramp(70).reverse()]])).toMatchObject({
      unsettled: expect.stringMatching(/back|both/),
    })
    expect(steadyCuts([ramp(100)])).toEqual({ unsettled: 'both' })
  })
})
