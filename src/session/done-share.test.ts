import { expect, test } from 'vitest'
import { doneShare } from './done-share.ts'

test('what was only offered is not done', () => {
  // All 33 were offered, 9 have ended.
  expect(doneShare(1, 33, 9)).toBeCloseTo(9 / 33, 12)
  // Half of 40 were offered, half of these have ended: a quarter of all.
  expect(doneShare(20 / 40, 20, 10)).toBeCloseTo(10 / 40, 12)
  expect(doneShare(1.2, 33, 33)).toBe(1)
})

test('a run without a known end has no share; one that offers nothing is done when its time is over', () => {
  expect(doneShare(null, 5, 5)).toBeNull()
  expect(doneShare(0.5, 0, 0)).toBe(0)
  expect(doneShare(1, 0, 0)).toBe(1)
})
