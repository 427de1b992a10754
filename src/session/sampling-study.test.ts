import { expect, it } from 'vitest'
import { studyArms } from './sampling-study.ts'

it('tries each period once a block, in orders that the seed decides, after a warm-up at the coarsest', () => {
  const periods = [10, 1000, 50, 100, 20]
  const arms = studyArms(periods, 6, 7)
  expect(arms[0]).toEqual({ block: null, period_ms: 1000, name: 'warm-up' })
  const orders = Array.from({ length: 6 }, (_, block) =>
    arms.filter((arm) => arm.block === block).map(({ period_ms }) => period_ms),
  )
  for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual([10, 20, 50, 100, 1000])
  expect(new Set(orders.map(String)).size).toBeGreaterThan(1)
  expect(arms.slice(1).map(({ block }) => block)).toEqual([0, 1, 2, 3, 4, 5].flatMap((block) => Array(5).fill(block)))
  expect(new Set(arms.map(({ name }) => name)).size).toBe(31)
  expect(studyArms(periods, 6, 7)).toEqual(arms)
  expect(studyArms(periods, 6, 8)).not.toEqual(arms)
})
