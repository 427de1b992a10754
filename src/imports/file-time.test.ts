import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseStampUs } from './file-time.ts'

const two = (value: number) => String(value).padStart(2, '0')

test('every time comes back, in each spelling', () => {
  const us = fc.integer({ min: 0, max: 4e9 * 1e6 })
  fc.assert(
    fc.property(us, fc.constantFrom('/', '-'), fc.constantFrom(' ', 'T'), (value, day, separator) => {
      const d = new Date(Math.floor(value / 1000))
      const date = [d.getUTCFullYear(), two(d.getUTCMonth() + 1), two(d.getUTCDate())].join(day)
      const time = [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()].map(two).join(':')
      const text = `${date}${separator}${time}.${String(value % 1e6).padStart(6, '0')}`
      expect(parseStampUs(text)).toBe(value)
      expect(parseStampUs(`${text}Z`)).toBe(value)
      expect(parseStampUs(`${text}+02:00`)).toBe(value - 7200e6)
      expect(parseStampUs(`${text}-0130`)).toBe(value + 5400e6)
    }),
  )
})

test('what is no time is NaN', () => {
  for (const text of [
    '',
    'x',
    '2025/02/30 00:00:00',
    '2025/01/01 24:00:00',
    '2025/13/01 00:00:00',
    '2025/01/01 00:61:00',
    '1752259631',
  ]) {
    expect(parseStampUs(text), text).toBeNaN()
  }
  fc.assert(fc.property(fc.string(), (text) => Number.isNaN(parseStampUs(text)) || /^\d{4}/.test(text)))
})
