import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SecretBook } from './secret-book.ts'

const secrets = fc.oneof(
  fc.string({ unit: 'binary', minLength: 8, maxLength: 80 }).filter((text) => !/^\d+$/.test(text)),
  fc.stringMatching(/^[!-~]{8,60}$/).filter((text) => !/^\d+$/.test(text)),
)
/** Blanks around it, so that short ones are words of their own. */
const around = fc.string({ unit: fc.constantFrom(...' .,:\n'), maxLength: 12 }).map((text) => ` ${text} `)

function bookOf(...known: string[]): SecretBook {
  const book = new SecretBook()
  for (const secret of known) book.add(secret)
  return book
}

describe('a book of secrets', () => {
  it('takes each out of any text, however often and however written', () => {
    fc.assert(
      fc.property(fc.array(secrets, { minLength: 1, maxLength: 4 }), around, around, (known, before, after) => {
        const book = bookOf(...known)
        for (const secret of known) {
          const written = [
            secret,
            JSON.stringify(secret).slice(1, -1),
            new URLSearchParams({ a: secret }).toString().slice(2),
          ]
          for (const text of written) {
            const clean = book.redact(before + text + after + text + before)
            // A secret that consists of spaces and asterisks may appear in the text around it.
            if (!`${before}${after}***`.includes(text)) expect(clean).not.toContain(text)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('leaves texts without one alone', () => {
    const book = bookOf('sk-1234567890abcdef', 'hunter2')
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        fc.pre(!text.includes('sk-') && !text.includes('hunter2'))
        expect(book.redact(text)).toBe(text)
      }),
    )
  })

  it('finds it in Basic authentication, percent codes and where it was cut', () => {
    const secret = 'planted+key/with=odd signs'
    const book = bookOf(secret)
    expect(book.redact(`Basic ${Buffer.from(secret).toString('base64')}`)).toMatch(/^Basic \*\*\*=*$/)
    expect(book.redact(`?k=${encodeURIComponent(secret)}&b=1`)).toBe('?k=***&b=1')
    expect(book.redact(`?k=${encodeURIComponent(secret).toLowerCase()}`)).toBe('?k=***')
    expect(book.redact('a planted+key/with=odd signs.')).toBe('a ***.')
    expect(bookOf('quoted"key/with-32').redact('{"a":"quoted\\"key/with-32"}')).toBe('{"a":"***"}')
    expect(book.redact(`got "planted+key/wi…`)).toBe('got "***…')
  })

  it('takes no words and numbers for secrets, and short ones only as words', () => {
    const book = bookOf('EMPTY', 'none', '1234567', 'a1', 'key1')
    expect(book.redact('EMPTY none 1234567 a1 monkey12')).toBe('EMPTY none 1234567 a1 monkey12')
    expect(book.redact('is key1 right?')).toBe('is *** right?')
  })
})
