import { expect, test } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { PAIRS_NEEDED, pairedEffect } from './paired-effect.ts'

const even = (differences: readonly number[]) => differences.map((difference) => ({ difference, weight: 1 }))

test('takes six pairs at least', () => {
  expect(PAIRS_NEEDED).toBe(6)
  expect(pairedEffect(even([1, 2, 3, 4, 5]), 1)).toBeNull()
  // 63 subsets: the outermost means are those of the smallest and of the largest alone.
  expect(pairedEffect(even([1, 2, 3, 4, 5, 9]), 1)).toEqual({ effect: 4, low: 1, high: 9 })
})

test('without noise it is exact, and weights count', () => {
  expect(pairedEffect(even(Array(20).fill(0.25)), 1)).toEqual({ effect: 0.25, low: 0.25, high: 0.25 })
  const pairs = [...even([0, 0, 0, 0, 0]), { difference: 10, weight: 5 }]
  expect(pairedEffect(pairs, 1)?.effect).toBe(5)
})

test.each([8, 40])(
  'of %i pairs covers a known effect 19 times of 20, also with heavy tails and uneven weights',
  (n) => {
    const random = randomStream('coverage', n)
    const trials = 400
    let covered = 0
    for (let trial = 0; trial < trials; trial++) {
      const pairs = Array.from({ length: n }, () => {
        const weight = 1 + 9 * random.uniform()
        // Symmetrical, with a tail of Cauchy's kind.
        const noise = Math.tan(Math.PI * (random.uniform53() - 0.5)) / weight
        return { difference: 3 + noise, weight }
      })
      const { low, high } = pairedEffect(pairs, trial) ?? { low: 0, high: 0 }
      if (low <= 3 && 3 <= high) covered++
    }
    // Four standard deviations of 400 trials at 95 %.
    expect(covered / trials).toBeGreaterThan(0.95 - 4 * Math.sqrt((0.95 * 0.05) / trials))
    expect(covered / trials).toBeLessThan(0.95 + 4 * Math.sqrt((0.95 * 0.05) / trials))
  },
)

test('the same seed, the same interval', () => {
  const random = randomStream('same')
  const pairs = even(Array.from({ length: 30 }, () => random.uniform()))
  expect(pairedEffect(pairs, 5)).toEqual(pairedEffect(pairs, 5))
})
