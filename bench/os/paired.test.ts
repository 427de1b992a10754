import { expect, it } from 'vitest'
import { decided, pairedRatio } from './paired.ts'

it('the interval of pairs that are all alike is their ratio', () => {
  const alike = pairedRatio([1.01, 1.01, 1.01, 1.01])
  expect(alike.ratio).toBeCloseTo(1.01)
  expect(alike.high - alike.low).toBeCloseTo(0)
  expect(decided(alike, 1.02, 4)).toBe(true)
  expect(decided(alike, 1.005, 4)).toBe(false)
  expect(decided(alike, 1.02, 5)).toBeNull()
})

it('pairs that scatter decide nothing', () => {
  const scattered = pairedRatio([0.9, 1.1, 0.95, 1.12])
  expect(scattered.low).toBeLessThan(1)
  expect(scattered.high).toBeGreaterThan(1.02)
  expect(decided(scattered, 1.02, 4)).toBeNull()
})

it('a t interval by hand: logs of 1 and e², n = 2', () => {
  const { ratio, high } = pairedRatio([1, Math.E ** 2])
  expect(ratio).toBeCloseTo(Math.E)
  // t(0.975, 1) = 12.706, s = sqrt(2), s / sqrt(2) = 1.
  expect(Math.log(high)).toBeCloseTo(1 + 12.706, 2)
})
