import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineRedactor } from './line-redactor.ts'
import { learnSecret } from './secrets.ts'

test('a secret is found however the text is cut into pieces', () => {
  learnSecret('hf_plantedLineSecret42')
  const text = 'GET https://hub/x?token=hf_plantedLineSecret42 401\rretrying\nhf_plantedLineSecret42'
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 20, maxLength: 100 }), (cuts) => {
      const lines = new LineRedactor()
      let out = ''
      let at = 0
      for (const cut of cuts) {
        out += lines.push(text.slice(at, at + cut))
        at += cut
      }
      out += lines.push(text.slice(at)) + lines.flush()
      expect(out).toBe(text.replaceAll('hf_plantedLineSecret42', '***'))
    }),
  )
})
