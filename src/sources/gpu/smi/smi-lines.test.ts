import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SmiLines } from './smi-lines.ts'

interface Row {
  uuid: string
  localMs: number
  values: number[]
}

function read(fieldCount: number, pieces: readonly string[]): { rows: Row[]; texts: string[] } {
  const rows: Row[] = []
  const texts: string[] = []
  const lines = new SmiLines(fieldCount, {
    row: (uuid, localMs, values) => rows.push({ uuid, localMs, values: [...values] }),
    text: (line) => texts.push(line),
  })
  for (const piece of pieces) lines.push(piece)
  return { rows, texts }
}

/** A text cut at places. */
function cut(text: string, places: readonly number[]): string[] {
  const at = [0, ...places.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length]
  return at.slice(1).map((end, i) => text.slice(at[i], end))
}

const cell = fc.oneof(
  fc
    .double({ min: 0, max: 1e6, noNaN: true })
    .map((value) => Number(value.toFixed(2)))
    .map((value) => [value.toFixed(2), value] as const),
  fc.nat(12).map((state) => [`P${state}`, state] as const),
  fc
    .bigInt({ min: 0n, max: 2n ** 40n })
    .map((bits) => [`0x${bits.toString(16).padStart(16, '0')}`, Number(bits)] as const),
  fc
    .constantFrom('[N/A]', 'N/A', '[Not Supported]', '[Unknown Error]', '[GPU requires reset]', 'ERR!', '')
    .map((text) => [text, Number.NaN] as const),
)
const when = fc.date({
  min: new Date('2015-01-01T00:00:00Z'),
  max: new Date('2035-01-01T00:00:00Z'),
  noInvalidDate: true,
})
const stamp = (date: Date): string => date.toISOString().slice(0, 23).replaceAll('-', '/').replace('T', ' ')

describe('the output of a sampling nvidia-smi', () => {
  it('is read whole, however it is cut', () => {
    const line = fc.record({ date: when, cells: fc.array(cell, { minLength: 4, maxLength: 4 }) })
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 8 }),
        fc.array(fc.nat()),
        fc.constantFrom('\n', '\r\n'),
        (lines, places, eol) => {
          const text = lines
            .map(
              ({ date, cells }, i) => `${[stamp(date), `GPU-${i}`, ...cells.map(([shown]) => shown)].join(', ')}${eol}`,
            )
            .join('')
          const { rows, texts } = read(4, cut(text, places))
          expect(texts).toEqual([])
          expect(rows).toEqual(
            lines.map(({ date, cells }, i) => ({
              uuid: `GPU-${i}`,
              localMs: date.getTime(),
              values: cells.map(([, value]) => value),
            })),
          )
        },
      ),
    )
  })

  const noise = fc
    .array(
      fc.oneof(
        fc.string(),
        fc.constantFrom('2026/11/22 06:55:08.210', ', ', ',', '\n', '\r\n', '/', ':', 'GPU-1', '7', 'é'),
      ),
    )
    .map((parts) => parts.join(''))

  it('may hold anything: what is no sample is passed on as text, line by line', () => {
    fc.assert(
      fc.property(noise, fc.array(fc.nat()), (junk, places) => {
        const good = '2026/11/22 06:55:08.210, GPU-1, 1, 2\n'
        const { rows, texts } = read(2, cut(`${junk}\n${good}`, places))
        expect(rows.at(-1)).toEqual({ uuid: 'GPU-1', localMs: Date.UTC(2026, 10, 22, 6, 55, 8, 210), values: [1, 2] })
        expect(texts.every((text) => text !== '' && !text.includes('\n'))).toBe(true)
      }),
    )
  })

  it('with another number of columns is no sample', () => {
    const texts = ['2026/11/22 06:55:08.210, GPU-1, 1', '2026/11/22 06:55:08.210, GPU-1, 1, 2, 3']
    expect(read(2, [`${texts.join('\n')}\n`])).toEqual({ rows: [], texts })
  })

  it('tells what a sampler said that broke off, and forgets half a sample', () => {
    const texts: string[] = []
    const lines = new SmiLines(1, { row: () => expect.unreachable(), text: (line) => texts.push(line) })
    lines.push('2026/11/22 06:55:08.210, GPU-1')
    lines.reset()
    lines.push('No devices were found')
    lines.reset()
    lines.push(', 5\n')
    expect(texts).toEqual(['No devices were found', ', 5'])
  })
})
