import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { everyAligned, untilMultiple } from './aligned-timer.ts'

it('timers of one period, and of its multiples, fall together', async () => {
  const calls: number[][] = [[], []]
  const short = everyAligned(20, () => calls[0]?.push(Math.floor(performance.now() / 20)))
  await sleep(7)
  const long = everyAligned(40, () => calls[1]?.push(Math.floor(performance.now() / 20)))
  await sleep(200)
  short.clear()
  long.clear()
  const [often = [], seldom = []] = calls
  expect(seldom.length).toBeGreaterThan(0)
  expect(often).toEqual(expect.arrayContaining(seldom))
  await sleep(50)
  expect(calls.map(({ length }) => length)).toEqual([often.length, seldom.length])
})

it.each([
  [0, 100],
  [30.5, 70],
  [99.2, 101],
  [250, 50],
])('at %s ms the next multiple of 100 is %s ms off', (nowMs, left) => {
  expect(untilMultiple(nowMs, 100)).toBe(left)
})
