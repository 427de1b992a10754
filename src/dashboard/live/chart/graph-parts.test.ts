import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { figuresAt } from '../../../../test/support/live-state.ts'
import { keysOf } from '../terminal.ts'
import { area } from './braille.ts'
import { axisTop } from './chart.ts'
import { History } from './history.ts'
import { shortBytes, shortCount, shortDuration, shortNumber, trimmed } from './short.ts'

/** Which dots of a column are on, from the foot: by the numbers Unicode gives the dots of a braille cell. */
function dotsOfColumn(rows: readonly string[], column: number): boolean[] {
  const numbers = column % 2 === 0 ? [7, 3, 2, 1] : [8, 6, 5, 4]
  return rows.toReversed().flatMap((row) => {
    const pattern = (row.codePointAt(Math.floor(column / 2)) as number) - 0x2800
    return numbers.map((number) => ((pattern >> (number - 1)) & 1) === 1)
  })
}

describe('an area', () => {
  it('has as many dots above each value as its share of the height', () => {
    const values = fc.array(fc.oneof(fc.double({ min: 1e-9, max: 50, noNaN: true }), fc.constantFrom(0, Number.NaN)), {
      minLength: 1,
    })
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: 1, max: 12 }),
        fc.double({ min: 1, max: 50, noNaN: true }),
        (values, height, max) => {
          const rows = area(values, max, height)
          expect(rows.map((row) => row.length)).toEqual(
            Array.from({ length: height }, () => Math.ceil(values.length / 2)),
          )
          for (const [i, value] of values.entries()) {
            const on = dotsOfColumn(rows, i)
            const count = on.filter(Boolean).length
            expect(on).toEqual([...Array(count).fill(true), ...Array(height * 4 - count).fill(false)])
            const exact = Number.isNaN(value) ? 0 : Math.min(1, value / max) * height * 4
            expect(Math.abs(count - exact)).toBeLessThanOrEqual(exact > 0 && exact < 0.5 ? 1 : 0.5)
            expect(count > 0).toBe(value > 0)
          }
        },
      ),
    )
  })

  it('lies under an axis that its highest value fits in, and not by far', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (highest) => {
        expect(axisTop(highest)).toBeGreaterThan(highest)
        expect(axisTop(highest) / highest).toBeLessThan(1.7)
      }),
    )
  })
})

describe('a history', () => {
  it('folds samples into places of a fixed grid: means, or the highest, a gap filled by the sample before', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.double({ min: 0, max: 100, noNaN: true })), {
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 30 }), (steps, places) => {
        const history = new History()
        const samples: { tNs: number; value: number }[] = []
        let tNs = 0
        for (const [step, value] of steps) {
          tNs += step * 1e8
          samples.push({ tNs, value: Math.fround(value) })
          const figures = figuresAt(1, { tNs })
          const { recent, total } = figures.latency.e2e
          history.add({
            ...figures,
            rates: { ...figures.rates, okPerS: value },
            latency: { ...figures.latency, e2e: { total, recent: { ...recent, p95Ns: value } } },
          })
        }
        const placeNs = 6e9 / places
        const last = Math.floor(tNs / placeNs)
        const grid = (fold: (values: number[]) => number) =>
          Array.from({ length: places }, (_, i) => {
            const place = last - places + 1 + i
            const own = samples.filter((sample) => Math.floor(sample.tNs / placeNs) === place)
            if (own.length > 0) return fold(own.map(({ value }) => value))
            return samples.findLast((sample) => Math.floor(sample.tNs / placeNs) < place)?.value ?? Number.NaN
          })
        const mean = grid((values) => values.reduce((a, b) => a + b) / values.length)
        for (const [i, value] of history.folded('requests', 6e9, places).entries()) {
          if (Number.isNaN(mean[i])) expect(value).toBeNaN()
          else expect(value).toBeCloseTo(mean[i] as number, 6)
        }
        expect([...history.folded('e2e95', 6e9, places)]).toEqual(grid((values) => Math.max(...values)))
        expect(history.highest('e2e95', 6e9)).toBe(
          Math.max(...samples.filter((sample) => sample.tNs > tNs - 6e9).map(({ value }) => value)),
        )
      }),
    )
  })

  it('knows what was never there', () => {
    const history = new History()
    history.add(figuresAt(1, { gpus: [] }))
    expect([history.has('gpu'), history.has('kvCache')]).toEqual([false, true])
  })
})

describe('short numbers', () => {
  it.each([
    [
      shortNumber,
      [0, 0.004, 8.239, 82.39, 823.9, 999.6, 1204, 99_960, 8e6, -12],
      ['0', '0', '8.24', '82.4', '824', '1.00k', '1.20k', '100k', '8.00M', '-12.0'],
    ],
    [shortCount, [0, 7, 950, 12_400], ['0', '7', '950', '12.4k']],
    [
      shortDuration,
      [0, 850, 85_000, 8_240_000, 1.2e9, 1.5e12, Number.NaN],
      ['0ms', '0.85µs', '85.0µs', '8.24ms', '1.20s', '25.0min', '–'],
    ],
    [shortBytes, [0, 824, 1200, 34e6], ['0B', '824B', '1.20kB', '34.0MB']],
  ] as const)('%o', (short, values, texts) => {
    expect(values.map(short)).toEqual(texts)
  })

  it('drop the zeros of round values', () => {
    expect(['1.50k', '2.00ms', '10.0', '100k', '0.85µs'].map(trimmed)).toEqual(['1.5k', '2ms', '10', '100k', '0.85µs'])
  })
})

it('reads keys one by one, a sequence as one', () => {
  expect(keysOf('q\x1b[A\x1b[1;5C\x1bOP+ 1\x03\t\x1b')).toEqual([
    'q',
    '\x1b[A',
    '\x1b[1;5C',
    '\x1bOP',
    '+',
    ' ',
    '1',
    '\x03',
    '\t',
    '\x1b',
  ])
})
