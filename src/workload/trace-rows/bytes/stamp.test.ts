import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StampParser } from './stamp.ts'

const parse = (text: string) => new StampParser().parseText(text)

describe('a date with a time of day', () => {
  it.each([
    ['2023-11-16 18:17:03.9799600', 1700158623979960],
    ['2024-05-12 00:00:00.001163+00:00', 1715472000001163],
    ['2024-05-12 00:00:00+00:00', 1715472000000000],
    ['2024-05-12T00:00:00Z', 1715472000000000],
    ['2024-05-12T02:00:00+02:00', 1715472000000000],
    ['2024-05-11 19:30:00-0430', 1715472000000000],
    ['2024-05-12', 1715472000000000],
    ['2024-05-12 00:00', 1715472000000000],
    ['"2024-05-12 00:00:00.5"', 1715472000500000],
    ['2024-05-12 00:00:00,25', 1715472000250000],
    ['1969-12-31 23:59:59.999999', -1],
  ])('%s', (text, us) => {
    expect(parse(text)).toBe(us)
  })

  it('goes to the nearest us', () => {
    expect(parse('1970-01-01 00:00:00.0000004')).toBe(0)
    expect(parse('1970-01-01 00:00:00.0000005')).toBe(1)
    expect(parse('1970-01-01 00:00:00.99999960')).toBe(1_000_000)
  })

  it.each([
    '',
    '5',
    '2024-13-01 00:00:00',
    '2023-02-29 00:00:00',
    '2024-05-12 24:00:00',
    '2024-05-12 00:61:00',
    '2024-05-12 00:00:00.',
    '2024-05-12 00:00:00.12x',
    '2024-05-12 00:00:00+0',
    '2024-05-12 0a:00:00',
    '12/05/2024 00:00:00 AM',
  ])('is none: %j', (text) => {
    expect(parse(text)).toBeNaN()
  })

  it('is read as Date writes it, whatever its zone and digits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(1970, 0, 1), max: Date.UTC(2199, 0, 1) }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        fc.constantFrom('', '0', '0000'),
        (ms, offset, digits) => {
          const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1)
          const size = Math.abs(offset)
          const two = (value: number) => String(value).padStart(2, '0')
          const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
          expect(parse(`${local}${digits}${zone}`)).toBe(ms * 1000)
          expect(parse(`${local.replace('T', ' ')}${digits}${zone}`)).toBe(ms * 1000)
        },
      ),
    )
  })

  it('reads days in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40_000 })), (days) => {
        const parser = new StampParser()
        for (const day of days) {
          const date = new Date(day * 86_400_000)
          expect(parser.parseText(`${date.toISOString().slice(0, 10)} 01:02:03`)).toBe(day * 86_400e6 + 3723e6)
        }
      }),
    )
  })
})
