import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ELEMENTS } from './elements.ts'
import { checkPlan, type PromptSetPlan, type PromptSetRow, QUESTION } from './plan.ts'
import { measureOverhead, PrefillTexts } from './prefill-texts.ts'
import { promptSetRows } from './prompt-set.ts'
import { grammarSource, type TextSource } from './text-source.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Words of at most six letters with their blank, and marks; ids by their first letters; BOS is 1; a template of 5. */
const pieces = (text: string): string[] => text.match(/ ?[\p{L}\p{N}]{1,6}|\S/gu) ?? []
const toy: Tokenizer = {
  name: 'toy',
  identity: 'toy',
  contextTokens: null,
  async encode(text, special) {
    const ids = pieces(text).map((piece) =>
      [...piece].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 99991, 7),
    )
    // The answers come in another order than the questions, as a server's do.
    await new Promise((resolve) => setTimeout(resolve, (text.length % 3) / 2))
    return special ? [1, ...ids] : ids
  },
  chatTokens: async (text) => pieces(text).length + 5,
}

const plan = (more: Partial<PromptSetPlan> = {}): PromptSetPlan => ({
  stage: 'prefill',
  sizes: [10, 50],
  perSize: 10,
  unit: 'tokens',
  seed: 1,
  salt: '1',
  sharedPrefix: 0,
  tokenIds: false,
  ...more,
})

async function make(
  wanted: PromptSetPlan,
  more: { concurrency?: number; done?: number; source?: TextSource; tokenizer?: Tokenizer } = {},
) {
  const { concurrency = 4, done = 0, source = grammarSource(wanted), tokenizer = toy } = more
  checkPlan(wanted)
  const prefill = wanted.stage === 'prefill'
  const overhead = await measureOverhead(tokenizer, prefill)
  const texts = prefill ? await PrefillTexts.create({ plan: wanted, tokenizer, source, overhead }) : null
  const rows: PromptSetRow[] = []
  for await (const row of promptSetRows({ plan: wanted, tokenizer, overhead, texts, concurrency }, done)) rows.push(row)
  return { rows, texts }
}

const textOf = ({ prompt }: PromptSetRow) => {
  expect(prompt).toMatch(new RegExp(` ${QUESTION}$`))
  return String(prompt).slice(0, -QUESTION.length - 1)
}

describe('prefill prompts', () => {
  it('are exact for any seed and size, the question and the template outside', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31), fc.integer({ min: 1, max: 1500 }), async (seed, size) => {
        const { rows } = await make(plan({ seed, sizes: [size], perSize: 4 }))
        for (const row of rows) {
          expect(pieces(textOf(row))).toHaveLength(size)
          expect(row).toMatchObject({
            prompt_tokens: pieces(String(row.prompt)).length,
            bos_tokens: 1,
            template_tokens: 5,
          })
          expect(row.question_tokens).toBe((row.prompt_tokens ?? 0) - size)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('begin differently, from each other and under another salt, and end alike under it', async () => {
    const sizes = [400]
    const one = (await make(plan({ sizes, perSize: 60 }))).rows.map(textOf)
    const other = (await make(plan({ sizes, perSize: 60, salt: 'b' }))).rows.map(textOf)
    const starts = [...one, ...other].map((text) => text.split(' ', 4).join(' '))
    expect(new Set(starts).size).toBe(120)
    const middle = (text: string) => text.split('. ').slice(3, 10)
    expect(other.map(middle)).toEqual(one.map(middle))
  })

  it('are the same rows however many are made at once, and when continued', async () => {
    const { rows } = await make(plan(), { concurrency: 1 })
    expect((await make(plan(), { concurrency: 7 })).rows).toEqual(rows)
    expect((await make(plan(), { done: 13 })).rows).toEqual(rows.slice(13))
    expect((await make(plan({ seed: 2 }))).rows).not.toEqual(rows)
  })

  it('share exactly the tokens asked for, inside the size', async () => {
    const { rows } = await make(plan({ sizes: [60, 90], sharedPrefix: 32, tokenIds: true }))
    const ids = rows.map(({ prompt }) => prompt as number[])
    const [first] = ids
    for (const [i, own] of ids.entries()) {
      expect(own.slice(0, 33)).toEqual(first?.slice(0, 33))
      expect(own).toHaveLength(1 + (rows[i]?.prompt_tokens ?? 0))
    }
    expect(new Set(ids.map((own) => own.slice(33, 38).join())).size).toBe(20)
  })

  it('are asked for again where a source writes the same text twice, and refused where it does so always', async () => {
    const grammar = grammarSource(plan())
    const stubborn = (times: number): TextSource => ({
      name: 'stubborn',
      write: (wanted, part, tokens) =>
        wanted.attempt < times
          ? grammar.write({ ...wanted, index: 0, attempt: 0 }, part, tokens)
          : grammar.write(wanted, part, tokens),
    })
    const { rows } = await make(plan(), { source: stubborn(2) })
    expect(new Set(rows.map(({ prompt }) => prompt)).size).toBe(20)
    await expect(make(plan(), { source: stubborn(1000) })).rejects.toMatchObject({ code: 'input/prompt-distinct' })
  })

  it('are put together of several parts where a source writes little, and made up where it stops', async () => {
    const parts: number[] = []
    const short: TextSource = {
      name: 'short',
      async write({ index }, part) {
        parts.push(part)
        return index === 0
          ? `Part ${part} of ten little words is written down here.`
          : part === 0
            ? `Word ${index}.`
            : ''
      },
    }
    const { rows, texts } = await make(plan({ sizes: [200], perSize: 2 }), { source: short })
    for (const row of rows) expect(pieces(textOf(row))).toHaveLength(200)
    expect(String(rows[0]?.prompt)).toContain('Part 9 of ten little words')
    expect(texts?.padded).toBe(1)
    expect(Math.max(...parts)).toBe(99)
  })

  it('are an error where a size cannot be hit', async () => {
    const even: Tokenizer = {
      ...toy,
      encode: async (text) =>
        text
          .trim()
          .split(' ')
          .flatMap(() => [1, 2]),
      chatTokens: async () => null,
    }
    const error = await make(plan({ sizes: [51] }), { tokenizer: even }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'input/prompt-size', message: expect.stringContaining('size 51') })
  })
})

describe('decode prompts', () => {
  it('name each element once a size, in an order of the seed', async () => {
    const { rows } = await make(plan({ stage: 'decode', unit: 'words', perSize: 100 }))
    expect(rows[0]?.prompt).toBe(`Generate a 10 word story about ${rows[0]?.element}`)
    for (const size of [10, 50]) {
      const elements = rows.filter((row) => row.size === size).map(({ element }) => element)
      expect(elements.toSorted()).toEqual(ELEMENTS.toSorted())
      expect(elements).not.toEqual(ELEMENTS)
    }
    expect(new Set(rows.map(({ max_tokens: limit }) => limit))).toEqual(new Set([null]))
    expect((await make(plan({ stage: 'decode', unit: 'words', perSize: 100, seed: 9 }))).rows).not.toEqual(rows)
  })

  it('limit the answer where tokens are asked for, and stay different past the pool', async () => {
    const { rows } = await make(plan({ stage: 'decode', perSize: 350, sizes: [20] }))
    expect(rows[0]).toMatchObject({ max_tokens: 20, prompt: `Generate a 20 token story about ${rows[0]?.element}` })
    expect(new Set(rows.map(({ prompt }) => prompt)).size).toBe(350)
  })
})

it.each([
  [{ sizes: [10, 10] }, 'twice'],
  [{ sizes: [0] }, '--sizes 0'],
  [{ sizes: [10], sharedPrefix: 8 }, '--shared-prefix'],
  [{ unit: 'words' as const }, '--unit'],
  [{ stage: 'decode' as const, sharedPrefix: 8 }, '--shared-prefix'],
  [{ stage: 'decode' as const, perSize: 10_001 }, '--per-size'],
])('refuses a plan that no set can follow: %o', (more, said) => {
  expect(() => checkPlan(plan(more))).toThrow(said)
})
