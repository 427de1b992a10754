import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytes, duration, percent, threeDigits } from '../../analysis/quantity.ts'
import { bar, sparkline } from './sparkline.ts'
import { table } from './table.ts'
import { clip, forTerminal, printable, textWidth, withoutControls, wrap } from './text.ts'

describe('quantities', () => {
  it.each([
    [0, '0'],
    [0.0123, '0.012'],
    [0.9999, '1.00'],
    [1.234, '1.23'],
    [9.996, '10.0'],
    [99.96, '100'],
    [1234.5, '1,235'],
  ])('%d has three digits: %s', (value, text) => expect(threeDigits(value)).toBe(text))

  it.each([
    [0, '0 ms'],
    [0.0125, '12.5 µs'],
    [0.9996, '1.00 ms'],
    [41.26, '41.3 ms'],
    [83_000, '83.0 s'],
  ])('%d ms reads %s', (ms, text) => expect(duration(ms)).toBe(text))

  it('never rounds a share to none or all', () => {
    expect([0, 0.0004, 0.123, 0.9999, 1].map(percent)).toEqual(['0 %', '<0.1 %', '12 %', '99.9 %', '100 %'])
  })

  it('gives bytes in powers of a thousand', () => {
    expect([0, 999, 65_536, 1.5e6, 8e9].map(bytes)).toEqual(['0 B', '999 B', '65.5 kB', '1.50 MB', '8.00 GB'])
  })
})

describe('sparkline and bar', () => {
  it('show the least value as one eighth and the highest as eight', () => {
    expect(sparkline([0, 1, 4, 8], 8)).toBe('▁▁▄█')
    expect(sparkline([0, 0], 0)).toBe('▁▁')
  })
  it('fill their share of the width', () => {
    expect([bar(0, 4), bar(0.5, 4), bar(1, 4), bar(2, 4)]).toEqual(['', '██', '████', '████'])
    expect(bar(0.5625, 2)).toBe('█▏')
  })
})

describe('text and table', () => {
  it('measures, clips and wraps by columns', () => {
    expect(textWidth('漢字a')).toBe(5)
    expect(clip('漢字abc', 5)).toBe('漢字…')
    expect(wrap('one two three', 7)).toEqual(['one two', 'three'])
  })
  it('aligns columns to their widest cell and paints what was padded', () => {
    const lines = table(
      [{ title: 'a' }, { title: 'number', align: 'right' }],
      [
        ['x', '1'],
        ['longer', { text: '22', paint: (text) => `<${text}>` }],
      ],
      (title) => title,
    )
    expect(lines).toEqual(['a       number', 'x            1', 'longer  <    22>'])
  })
})

describe('texts of others on a terminal', () => {
  const steering = '\u0000\u0007\u001b\u007f\u0080\u009b\u009d\u061c\u200e\u200f\u2028\u202a\u202e\u2066\u2069'
  it('cannot steer it', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.oneof(fc.constantFrom(...steering), fc.string({ minLength: 1, maxLength: 1, unit: 'binary' })),
        }),
        (text) => {
          for (const clean of [withoutControls(text), printable(text)]) {
            expect(clean.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u)
          }
          expect(forTerminal(text)).not.toMatch(/[\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/)
        },
      ),
    )
  })
  it('keep their words, lines and joined signs', () => {
    expect(withoutControls('a\tb\nc 👩\u200d🔬')).toBe('a b\nc 👩\u200d🔬')
    expect(forTerminal('\u001b[31mred\u001b[39m')).toBe('\u001b[31mred\u001b[39m')
  })
})
