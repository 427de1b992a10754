import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { fitText, unitsOf } from './fit-text.ts'
import { story } from './story.ts'
import { FILLERS } from './story-words.ts'

/** Ways to cut a text into tokens, unlike each other; each a plain function of the text. */
const TOKENIZERS: Record<string, (text: string) => string[]> = {
  'a token a word or mark': (text) => text.match(/ ?[\p{L}\p{N}]+|\S/gu) ?? [],
  'four letters at most': (text) => text.match(/ ?[\p{L}\p{N}]{1,4}|\S/gu) ?? [],
  'the end of a sentence merged with what follows': (text) =>
    text.match(/\. ?\p{Lu}?|,? ?[\p{L}\p{N}]{1,6}|\S/gu) ?? [],
  'blanks of their own': (text) => text.match(/\s|[\p{L}\p{N}]{1,5}|[^\s\p{L}\p{N}]/gu) ?? [],
}

const fitted = (
  size: number,
  seed: number,
  tokenize: (text: string) => string[],
  more: { head?: string; text?: string } = {},
) =>
  fitText(async (text) => tokenize(text).length, {
    size,
    head: more.head ?? '',
    units: unitsOf(more.text ?? story(randomStream('a', seed), size * 8 + 60)),
    tokensPerUnit: 1.2,
    fillers: FILLERS,
    random: randomStream('b', seed),
  })

describe('fitText', () => {
  for (const [name, tokenize] of Object.entries(TOKENIZERS)) {
    it(`hits every size, where the tokenizer has ${name}, or says that it missed`, async () => {
      let missed = 0
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 4, max: 3000 }), fc.nat(), async (size, seed) => {
          const made = await fitted(size, seed, tokenize)
          if ('failed' in made) missed++
          else expect(tokenize(made.text)).toHaveLength(size)
        }),
        { numRuns: 60 },
      )
      expect(missed).toBeLessThan(6)
    })
  }

  it('keeps the head, and is a text: no word of the end hangs in the air', async () => {
    const tokenize = TOKENIZERS['four letters at most'] as (text: string) => string[]
    const made = await fitted(120, 5, tokenize, { head: 'Five old songs waited.' })
    const { text } = made as { text: string }
    expect(text).toMatch(/^Five old songs waited\. [A-Z].*\.$/)
    expect(text).not.toMatch(/ (the|and|of|a)\.$/)
    expect(tokenize(text)).toHaveLength(120)
  })

  it('does not count a long text whole again and again', async () => {
    let letters = 0
    const text = story(randomStream('long'), 60_000)
    const long = await fitText(
      async (part) => {
        letters += part.length
        return (part.match(/ ?\w{1,4}|\S/g) ?? []).length
      },
      { size: 9000, head: '', units: unitsOf(text), tokensPerUnit: 1.9, fillers: FILLERS, random: randomStream('c') },
    )
    const { text: made } = long as { text: string }
    expect(letters).toBeLessThan(made.length * 4)
  })

  it('says how much there is where the text is too short', async () => {
    expect(await fitted(50, 1, (text) => text.split(' '), { text: 'Only these five words here' })).toEqual({
      failed: 'too-short',
      tokens: 5,
    })
  })

  it('says that it missed where no token count can be hit', async () => {
    const even = (text: string) => text.split(' ').flatMap((word) => [word, word])
    expect(await fitted(51, 1, even)).toEqual({ failed: 'missed' })
  })
})

describe('unitsOf', () => {
  it('is the text again when joined, cut at words', () => {
    expect(unitsOf('  Two old\n\nsongs, here. ')).toEqual(['Two', ' old', ' songs,', ' here.'])
  })

  it('finds words where there are no blanks', () => {
    const text = '夜の列車は山を越えて海辺の町に着いた。'.repeat(4)
    const units = unitsOf(text)
    expect(units.join('')).toBe(text)
    expect(units.length).toBeGreaterThan(30)
  })
})
