import { expect, it } from 'vitest'
import { energyHalfWidth, type PowerNoise, repeatsNeeded } from './uncertainty.ts'

const NONE: PowerNoise = {
  accuracyW: 0,
  windowNs: 0,
  spacingNs: 0,
  periodNs: 0,
  clockNs: 0,
  seen: 1,
  swingW: 0,
  deviationW: 0,
}
const LONE = { deviceSeconds: 10, seconds: 10, edges: 2, edgeSquares: 2 }

it('calibration counts per device', () => {
  expect(energyHalfWidth({ ...NONE, accuracyW: 5 }, { ...LONE, deviceSeconds: 40 })).toBe(200)
})

it('a step seen through a window leaks an eighth of window times step over each edge, as integrated', () => {
  // Power 0 before 5 s, 200 W after, means over 1 s set at their middles: what is left of 5 s should be 0.
  const mean = (c: number) => 200 * Math.min(1, Math.max(0, c + 0.5 - 5))
  let leaked = 0
  for (let t = 0; t < 5; t += 1e-4) leaked += mean(t) * 1e-4
  expect(leaked).toBeCloseTo(200 / 8, 1)
  expect(energyHalfWidth({ ...NONE, windowNs: 1e9, swingW: 200 }, LONE)).toBeCloseTo(2 * leaked, 0)
})

it('a step between two moments leaks a sixth of their distance, on average over where it falls', () => {
  // Values at 0 and 1, the step at u between them: the line from 0 to 200 W leaks its part before u, less what it lacks after.
  let leaked = 0
  const n = 1000
  for (let i = 0; i < n; i++) leaked += Math.abs(((i + 0.5) / n) ** 2 * 100) / n
  // The mean over u of the area under the line before u, 100 u^2, is 100/3; seen from the middle, half of it goes each way.
  expect(leaked).toBeCloseTo(100 / 3, 1)
  expect(energyHalfWidth({ ...NONE, spacingNs: 1e9, swingW: 200 }, { ...LONE, edges: 1 })).toBeCloseTo(leaked, 1)
})

it('what goes either way grows with the root of the time', () => {
  const noise = { ...NONE, deviationW: 10, spacingNs: 1e8, seen: 0.25 }
  const at = (seconds: number) => energyHalfWidth(noise, { ...LONE, seconds, edges: 0, edgeSquares: 0 })
  expect(at(400)).toBeCloseTo(2 * at(100), 9)
  expect(at(100)).toBeCloseTo(1.96 * 10 * Math.sqrt(100 * 0.1 * 0.75), 2)
})

it('passes until ten windows', () => {
  expect([repeatsNeeded(10, 0.4), repeatsNeeded(10, 10), repeatsNeeded(1, 0.3), repeatsNeeded(1, 50)]).toEqual([
    25, 1, 4, 1,
  ])
})
