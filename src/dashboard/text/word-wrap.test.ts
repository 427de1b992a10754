import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WordWrap } from './word-wrap.ts'

test('words stay whole and lines within the width, however the text is cut into pieces', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(words, fc.integer({ min: 12, max: 30 }), fc.integer({ min: 1, max: 7 }), (list, width, step) => {
      const text = list.join(' ')
      const wrap = new WordWrap(width)
      let out = ''
      for (let i = 0; i < text.length; i += step) out += wrap.push(text.slice(i, i + step))
      out += wrap.flush()
      expect(out.split(/\s+/).filter(Boolean)).toEqual(list)
      for (const line of out.split('\n')) expect(line.trimEnd().length).toBeLessThanOrEqual(width)
    }),
  )
})

test("a text's own line ends are kept", () => {
  const wrap = new WordWrap(20)
  expect(wrap.push('1. a\n2. b\n\n3. c') + wrap.flush()).toBe('1. a\n2. b\n\n3. c')
})
