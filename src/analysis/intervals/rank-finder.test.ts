import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RankFinder } from './rank-finder.ts'

function found(values: readonly number[], ranks: readonly number[], copies = 1): number[] {
  const finder = new RankFinder()
  const all = Float64Array.from(values)
  const times = new Int32Array(all.length).fill(copies)
  finder.count(all, all.length, times)
  let more = finder.want(ranks)
  while (more) {
    finder.add(all, all.length, times)
    more = finder.look()
  }
  expect(finder.want(ranks)).toBe(false)
  return ranks.map((rank) => finder.at(rank))
}

it('finds what sorting finds, of any doubles', () => {
  const value = fc.oneof(
    fc.double({ noNaN: true }),
    fc.integer({ min: -3, max: 3 }),
    fc.double({ min: 1, max: 1.001, noNaN: true }),
  )
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 200 }), (values) => {
      const sorted = Float64Array.from(values).sort()
      expect(
        found(
          values,
          [...values.keys()].map((i) => i + 1),
        ),
      ).toEqual([...sorted])
    }),
    { numRuns: 30 },
  )
})

it('finds them among more values of one kind than it keeps', () => {
  const many = 300_000
  // All in one group at first; half of them one value, half of them apart by the last bits.
  const values = Array.from({ length: 2 * many }, (_, i) => (i < many ? 1e6 : 1e6 + (i - many) * 2 ** -30))
  const sorted = Float64Array.from(values).sort()
  const ranks = [1, many, many + 1, many + 2, many + 77_777, 2 * many]
  expect(found(values, ranks)).toEqual(ranks.map((rank) => sorted[rank - 1]))
})

it('finds 0 among zeros, without another pass', () => {
  const finder = new RankFinder()
  finder.count(Float64Array.of(0, 5, 0, -1, 0), 5)
  expect(finder.want([2, 3, 4])).toBe(false)
  expect(finder.at(3)).toBe(0)
})

it('counts copies as values', () => {
  expect(found([3, 1, 2], [1, 5, 6, 10, 11, 15], 5)).toEqual([1, 1, 2, 2, 3, 3])
})

it('finds nothing that was not looked for', () => {
  expect(() => new RankFinder().at(1)).toThrow('rank 1 was not looked for')
})
