import { expect, test } from 'vitest'
import { retryAfterMs } from './retry-after.ts'

test('Retry-After is seconds or a date; without it, or where it is none, the wait doubles', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5)
  expect(retryAfterMs('7', 0, now)).toBe(7000)
  expect(retryAfterMs(' 0.25 ', 3, now)).toBe(250)
  expect(retryAfterMs('Fri, 02 Jan 2026 03:04:35 GMT', 0, now)).toBe(30_000)
  expect(retryAfterMs('Fri, 02 Jan 2026 03:04:00 GMT', 0, now)).toBe(0)
  expect([0, 1, 2].map((tries) => retryAfterMs(null, tries, now))).toEqual([500, 1000, 2000])
  expect(retryAfterMs('soon', 1, now)).toBe(1000)
  expect(retryAfterMs('86400', 0, now)).toBeNull()
})
