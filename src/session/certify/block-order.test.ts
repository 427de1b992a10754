import { expect, test } from 'vitest'
import { blockAt } from './block-order.ts'
import { stepsOf } from './certifier.ts'

const PAIRS = 400

function orders(seed: number, layer: string): boolean[] {
  return Array.from({ length: PAIRS }, (_, pair) => blockAt(seed, layer, 1, 2 * pair).on)
}

test.each([1, 5])('of %i steps a block: each pair has one block on and one off', (steps) => {
  for (let pair = 0; pair < 50; pair++) {
    const all = Array.from({ length: 2 * steps }, (_, i) => blockAt(7, 'host', steps, pair * 2 * steps + i))
    expect(all.map((each) => each.pair)).toEqual(all.map(() => pair))
    expect(new Set(all.slice(0, steps).map(({ on }) => on)).size).toBe(1)
    expect(all.filter(({ on }) => on)).toHaveLength(steps)
    expect(all[0]?.on).not.toBe(all[steps]?.on)
  }
})

test('the seed alone decides the order', () => {
  expect(orders(7, 'host')).toEqual(orders(7, 'host'))
  expect(orders(7, 'host')).not.toEqual(orders(8, 'host'))
})

test('either is first equally often, whatever another layer does', () => {
  const [host, os] = [orders(7, 'host'), orders(7, 'os')]
  // Five standard deviations of a fair coin.
  const fair = (n: number) => Math.abs(n - PAIRS / 2) < 2.5 * Math.sqrt(PAIRS)
  expect(fair(host.filter(Boolean).length)).toBe(true)
  expect(fair(host.filter((on, pair) => on === os[pair]).length)).toBe(true)
})

test('no layer is on for longer in one half of a pair of another than in the other half', () => {
  const layers = (['paused', 'paused', 'paused', 'detached'] as const).map((off, i) => ({ name: `layer ${i}`, off }))
  const steps = stepsOf(layers)
  expect(steps).toEqual([1, 2, 4, 8])
  expect(stepsOf([{ off: 'paused' }, { off: 'detached' }])).toEqual([1, 4])
  for (const [i, own] of steps.entries()) {
    for (const [j, other] of steps.entries()) {
      if (i === j) continue
      for (let pair = 0; pair < 20; pair++) {
        const onTimes = { on: 0, off: 0 }
        for (let step = 2 * own * pair; step < 2 * own * (pair + 1); step++) {
          const half = blockAt(3, `layer ${i}`, own, step).on ? 'on' : 'off'
          if (blockAt(3, `layer ${j}`, other, step).on) onTimes[half]++
        }
        expect(onTimes.on).toBe(onTimes.off)
      }
    }
  }
})
