import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonErrorAt } from './json-place.ts'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

it('agrees with JSON.parse on what is JSON', () => {
  fc.assert(fc.property(fc.json(), (text) => jsonErrorAt(text) === null))
  const marks = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    'a',
    '0',
    '1.',
    '-',
    'e5',
    'true',
    'null',
    ' ',
    '\t',
    '\u0001',
  )
  fc.assert(
    fc.property(fc.array(marks), (parts) => {
      const text = parts.join('')
      return (jsonErrorAt(text) === null) === isJson(text)
    }),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (json, at, put) => {
      const text = json.slice(0, at % (json.length + 1)) + put + json.slice((at % (json.length + 1)) + 1)
      return (jsonErrorAt(text) === null) === isJson(text)
    }),
    { numRuns: 2000 },
  )
})

it.each([
  ['{"a":1,}', 7],
  ['{"a" 1}', 5],
  ['[1 2]', 3],
  ['{a:1}', 1],
  ['{"a":tru}', 5],
  ['"a\\x"', 2],
  ['{"a":"b', 7],
  ['', 0],
  ['1 2', 2],
  ['[}', 1],
])('names the place of the error in %s', (text, at) => {
  expect(jsonErrorAt(text)).toBe(at)
})
