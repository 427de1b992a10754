import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import type { Arrival } from '../arrivals/arrival.ts'
import type { Tokenizer } from '../prompt-sets/tokenizer.ts'
import { tokenIdsFromFile, tokenIdsFromTokenizer } from './safe-token-ids.ts'
import { syntheticPrompts } from './synthetic-prompts.ts'
import { wordVocabulary } from './word-vocabulary.ts'

/** A tokenizer that cuts by a pattern, with a template of some tokens; ids are numbers of its pieces, from 1000. */
function patternTokenizer(pattern: RegExp, templateTokens: number | null, bos = 1): Tokenizer {
  const ids = new Map<string, number>()
  const cut = (text: string) =>
    (text.match(pattern) ?? []).map((piece) => {
      if (!ids.has(piece)) ids.set(piece, 1000 + ids.size)
      return ids.get(piece) as number
    })
  return {
    name: 'pattern',
    identity: String(pattern),
    contextTokens: null,
    encode: async (text, special) => [...(special ? Array<number>(bos).fill(1) : []), ...cut(text)],
    chatTokens: async (text) => (templateTokens === null ? null : cut(text).length + templateTokens),
  }
}

const BY_WORD = / ?[A-Za-z]+|\n|[^\sA-Za-z]/g
/** Words of five letters and more are two tokens. */
const BY_FIVE = / ?[A-Za-z]{1,5}|\n|[^\sA-Za-z]/g
/** The end of a word and the start of the next merge: no word has tokens of its own. */
const MERGING = /[a-z] [a-z]|\n|[a-zA-Z]{1,3}|\s/g

function arrival(index: number, inputTokens: number): Arrival {
  return { index, tUs: 0, inputTokens, outputTokens: null, session: null, blocks: null }
}

describe('prompts as text', () => {
  for (const [name, pattern] of [
    ['a token a word', BY_WORD],
    ['five letters at most', BY_FIVE],
  ] as const) {
    it(`are exact with the template and with BOS, where the tokenizer has ${name}`, async () => {
      const tokenizer = patternTokenizer(pattern, 9)
      const chat = syntheticPrompts(await wordVocabulary(tokenizer, 'chat'), 'a')
      const completions = syntheticPrompts(await wordVocabulary(tokenizer, 'completions'), 'a')
      expect(chat.provenance).toMatchObject({ prompts: 'text', exact: true, tokens_around: 9 })
      expect(completions.provenance).toMatchObject({ exact: true, tokens_around: 1 })
      for (const tokens of [11, 30, 100, 700]) {
        const text = chat.promptOf(arrival(tokens, tokens)) as string
        expect(await tokenizer.chatTokens(text)).toBe(tokens)
        expect(await tokenizer.encode(completions.promptOf(arrival(tokens, tokens)) as string, true)).toHaveLength(
          tokens,
        )
      }
      // A template alone is longer: one word is the least.
      expect((chat.promptOf(arrival(1, 3)) as string).split(' ')).toHaveLength(1)
    })
  }

  it('say so where the template cannot be counted', async () => {
    const vocabulary = await wordVocabulary(patternTokenizer(BY_WORD, null), 'chat')
    expect(vocabulary.provenance).toMatchObject({ exact: false })
    expect(vocabulary.notes.join()).toContain('without the chat template')
  })

  it('are an estimate, said to be one, where words have no tokens of their own', async () => {
    const tokenizer = patternTokenizer(MERGING, 4)
    const vocabulary = await wordVocabulary(tokenizer, 'chat')
    expect(vocabulary.provenance).toMatchObject({ exact: false })
    expect(vocabulary.notes.join()).toContain('estimate')
    const text = syntheticPrompts(vocabulary, 'a').promptOf(arrival(0, 1000)) as string
    expect(Math.abs(((await tokenizer.chatTokens(text)) ?? 0) - 1000)).toBeLessThan(60)
  })

  it('are words without a tokenizer, and said to be an estimate', async () => {
    const vocabulary = await wordVocabulary(null, 'chat')
    expect(vocabulary.provenance).toMatchObject({ exact: false, estimate: expect.stringContaining('no tokenizer') })
    expect((syntheticPrompts(vocabulary, 'a').promptOf(arrival(0, 50)) as string).split(' ')).toHaveLength(50)
  })
})

describe('ordinary token ids', () => {
  const write = async (value: unknown) => {
    const folder = join(tempFolder(), 'model')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(value))
    return folder
  }
  const ordinary = Array.from({ length: 40 }, (_, i) => `w${i}`)

  it('are the vocabulary without what was added, marks and bytes', async () => {
    const pieces = ['<s>', '<0x41>', '[UNK]', '<|im_start|>', 'chat-mark', ...ordinary]
    const folder = await write({
      added_tokens: [
        { id: 3, content: '<|im_start|>', special: true },
        { id: 4, content: 'chat-mark', special: false },
        { id: 900, content: 'beyond' },
      ],
      model: { type: 'BPE', vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])) },
    })
    const { entries, provenance } = await tokenIdsFromFile(folder)
    expect(entries).toEqual(ordinary.map((_, i) => `${i + 5},`))
    expect(provenance).toMatchObject({ exact: true, distinct_ids: 40, ids_from: join(folder, 'tokenizer.json') })
  })

  it('are read from a Unigram vocabulary too, where the place is the id', async () => {
    const vocab = [['<unk>', 0], ...ordinary.map((piece) => [piece, -1.5])]
    const { entries } = await tokenIdsFromFile(await write({ model: { type: 'Unigram', vocab } }))
    expect(entries).toEqual(ordinary.map((_, i) => `${i + 1},`))
  })

  it('are refused where there are hardly any', async () => {
    await expect(tokenIdsFromFile(await write({ model: { vocab: { a: 1 } } }))).rejects.toThrow(
      'only 1 ordinary tokens',
    )
    await expect(tokenIdsFromFile(await write({ model: {} }))).rejects.toThrow('only 0 ordinary tokens')
  })

  it('are those that occur in ordinary text, without BOS', async () => {
    const tokenizer = patternTokenizer(BY_FIVE, null)
    const { entries } = await tokenIdsFromTokenizer(tokenizer)
    expect(entries.length).toBeGreaterThan(2000)
    expect(entries).not.toContain('1,')
  })
})
