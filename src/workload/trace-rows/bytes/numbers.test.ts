import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fieldText, parseCount, parseScaled } from './numbers.ts'

const count = (text: string) => parseCount(Buffer.from(text), 0, Buffer.byteLength(text))
const scaled = (text: string, scale: number) => parseScaled(Buffer.from(text), 0, Buffer.byteLength(text), scale)

describe('a count', () => {
  it.each([
    ['4808', 4808],
    ['0', 0],
    ['"12"', 12],
    [' 7 ', 7],
    ['10.0', 10],
    ['1e3', 1000],
    ['4294967294', 4294967294],
  ])('%j', (text, value) => {
    expect(count(text)).toBe(value)
  })

  it.each(['', '-1', '1.5', 'x', '1,0', '0x10', 'NaN', '4294967295', '1 2', '""'])('is none: %j', (text) => {
    expect(count(text)).toBe(-1)
  })
})

describe('a scaled number', () => {
  it.each([
    ['5', 1e6, 5e6],
    ['0.000001', 1e6, 1],
    ['1700158623.979960', 1e6, 1700158623979960],
    ['-0.5', 1e6, -500000],
    ['.5', 1e6, 500000],
    ['1.5e3', 1e6, 1.5e9],
    ['2999', 1e3, 2999000],
    ['0.1', 1e3, 100],
    ['1700158623979960123', 1e-3, 1700158623979960],
  ])('%s times %d', (text, scale, value) => {
    expect(scaled(text, scale)).toBe(value)
  })

  it.each(['', '-', '.', 'abc', '1.2.3', '1-2', 'Infinity', 'nan'])('is none: %j', (text) => {
    expect(scaled(text, 1e6)).toBeNaN()
  })

  it('keeps each us of seconds since 1970 with six digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e9 }), fc.integer({ min: 0, max: 999_999 }), (s, us) => {
        expect(scaled(`${s}.${String(us).padStart(6, '0')}`, 1e6)).toBe(s * 1e6 + us)
      }),
    )
  })
})

it('a field is without the blanks and quotes around it', () => {
  const text = ' "a ""b"", c" '
  expect(fieldText(Buffer.from(text), 0, text.length)).toBe('a "b", c')
})
