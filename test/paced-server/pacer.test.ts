import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Pacer } from './pacer.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('everything runs once per due time, never early, earliest first', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 6 })), (schedules) => {
      const clock = () => Date.now() * 1e6
      const start = clock()
      const pacer = new Pacer(clock)
      const ran: number[] = []
      for (const gaps of schedules) {
        const dues = gaps.map((_, i) => start + gaps.slice(0, i + 1).reduce((a, b) => a + b, 0) * 1e6)
        let next = 0
        pacer.add({
          dueNs: dues[0]!,
          run(nowNs) {
            expect(nowNs).toBeGreaterThanOrEqual(dues[next]!)
            ran.push(dues[next]!)
            next++
            this.dueNs = dues[next] ?? 0
            return next < dues.length
          },
        })
      }
      vi.advanceTimersByTime(1000)
      const all = schedules.flatMap((gaps) => gaps.map((_, i) => gaps.slice(0, i + 1).reduce((a, b) => a + b, 0)))
      expect(ran.map((due) => Math.round((due - start) / 1e6))).toEqual(all.sort((a, b) => a - b))
      expect(pacer.report().runs).toBe(all.length)
    }),
  )
})

test('says how late it was', () => {
  let now = 0
  const pacer = new Pacer(() => now)
  pacer.add({ dueNs: 10e6, run: () => false })
  now = 25e6
  vi.advanceTimersByTime(25)
  expect(pacer.report().late_max_ns).toBeGreaterThan(14e6)
  expect(pacer.report().late_max_ns).toBeLessThan(16e6)
})
