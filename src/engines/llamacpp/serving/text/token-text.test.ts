import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TokenText } from './token-text.ts'

/** A vocabulary of byte strings; decoding marks incomplete characters as engines do. */
function vocabulary(tokens: Uint8Array[]) {
  const detokenize = (ids: readonly number[]) => Buffer.concat(ids.map((id) => tokens[id]!)).toString('utf8')
  return new TokenText(detokenize)
}

function cut(text: string, sizes: number[]): Uint8Array[] {
  const bytes = Buffer.from(text)
  const parts: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    parts.push(bytes.subarray(at, at + size))
    at += size
  }
  return parts
}

describe('TokenText', () => {
  it('holds an incomplete character back until its last byte', () => {
    const text = vocabulary(cut('😀', [1]))
    expect([0, 1, 2, 3].map((id) => text.push(id))).toEqual([undefined, undefined, undefined, '😀'])
    expect(text.flush()).toBe('')
  })

  it('sends the whole characters of a token that ends inside one', () => {
    const text = vocabulary(cut('aé€', [2, 2, 2]))
    expect([0, 1, 2].map((id) => text.push(id))).toEqual(['a', 'é', '€'])
  })

  it('gives empty text for a token without text: it is an output all the same', () => {
    expect(vocabulary([new Uint8Array()]).push(0)).toBe('')
  })

  it('ends an incomplete character with U+FFFD', () => {
    const text = vocabulary(cut('é', [1]))
    expect(text.push(0)).toBeUndefined()
    expect(text.flush()).toBe('\uFFFD')
  })

  it('does not hold back for ever what is no text at all', () => {
    const text = vocabulary([Uint8Array.of(0xff)])
    const sent = Array.from({ length: 40 }, () => text.push(0) ?? '').join('') + text.flush()
    expect(sent).toBe('\uFFFD'.repeat(40))
  })

  it('keeps characters whole in a long run of tokens that all end inside one', () => {
    const whole = '€'.repeat(200)
    const parts = cut(`x${whole}`, [2, 3])
    const text = vocabulary(parts)
    const sent = parts.map((_, id) => text.push(id) ?? '')
    expect(sent.join('')).toBe(`x${whole}`)
  })

  it('reassembles any text cut anywhere, never sending half a character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        (whole, sizes) => {
          fc.pre(!whole.includes('\uFFFD'))
          const parts = cut(whole, sizes)
          const text = vocabulary(parts)
          const sent = parts.map((_, id) => text.push(id) ?? '')
          expect(sent.join('') + text.flush()).toBe(whole)
          for (const piece of sent) expect(piece).not.toContain('\uFFFD')
        },
      ),
    )
  })
})
