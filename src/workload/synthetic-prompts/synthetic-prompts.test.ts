import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sharedData } from '../../../test/support/shared-cases.ts'
import type { Arrival, ArrivalPrompts } from '../arrivals/arrival.ts'
import { tokenIdVocabulary } from './prompt-vocabulary.ts'
import { syntheticPrompts } from './synthetic-prompts.ts'

const MOONCAKE = 'workloads/mooncake_conversation_head.jsonl'
const IDS = Array.from({ length: 30_000 }, (_, i) => 100 + i)
const vocabulary = tokenIdVocabulary(IDS, {})
const prompts = (salt = 'a') => syntheticPrompts(vocabulary, salt)

function arrival(index: number, inputTokens: number, more: Partial<Arrival> = {}): Arrival {
  return { index, tUs: index, inputTokens, outputTokens: 1, session: null, blocks: null, ...more }
}

function idsOf(of: ArrivalPrompts, one: Arrival): number[] {
  return JSON.parse((of.promptOf(one) as { tokenIdsJson: string }).tokenIdsJson) as number[]
}

function commonLength(a: readonly unknown[], b: readonly unknown[]): number {
  let n = 0
  while (n < a.length && n < b.length && a[n] === b[n]) n++
  return n
}

describe('prompts as token ids', () => {
  it('have exactly the tokens asked for, all from the vocabulary', () => {
    const known = new Set(IDS)
    const all = prompts()
    fc.assert(
      fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 5000 }), (index, tokens) => {
        const ids = idsOf(all, arrival(index, tokens))
        expect(ids).toHaveLength(tokens)
        expect(ids.filter((id) => !known.has(id))).toEqual([])
      }),
      { numRuns: 30 },
    )
    for (const tokens of [1, 15, 16, 17, 79, 80, 81, 144, 145]) {
      expect(idsOf(prompts(), arrival(3, tokens))).toHaveLength(tokens)
    }
  })

  it('are the JSON that the numbers would be', () => {
    const { tokenIdsJson } = prompts().promptOf(arrival(3, 500)) as { tokenIdsJson: string }
    expect(JSON.stringify(JSON.parse(tokenIdsJson))).toBe(tokenIdsJson)
  })

  it('are the same wherever they are asked for, and others under another salt', () => {
    const one = arrival(7, 400)
    const ids = idsOf(prompts(), one)
    const elsewhere = prompts()
    for (let i = 0; i < 7; i++) elsewhere.promptOf(arrival(i, 300))
    expect(idsOf(elsewhere, one)).toEqual(ids)
    expect(idsOf(elsewhere, one)).toEqual(ids)
    expect(commonLength(idsOf(prompts('b'), one), ids)).toBe(0)
  })

  it('differ from each other from their first token on, but by chance', () => {
    const all = prompts()
    const first = Array.from({ length: 2000 }, (_, i) => idsOf(all, arrival(i, 16)).join())
    expect(new Set(first).size).toBe(2000)
    const starts = new Set(first.map((ids) => ids.slice(0, ids.indexOf(','))))
    // 2,000 drawn from 30,000: 2000 - 2000^2 / 60,000 = 1,933 different ones expected, with a deviation of 8.
    expect(Math.abs(starts.size - 1935)).toBeLessThan(40)
  })

  it('use the vocabulary evenly', () => {
    const few = syntheticPrompts(tokenIdVocabulary([1, 2, 3, 4], {}), 'a')
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 200; i++)
      for (const id of idsOf(few, arrival(i, 16))) counts[id - 1] = (counts[id - 1] ?? 0) + 1
    for (const count of counts) expect(Math.abs(count - 800)).toBeLessThan(4 * Math.sqrt(600))
  })
})

describe('what prompts share', () => {
  it('is the shared beginning, as long as it is', () => {
    const all = prompts()
    const with_ = (index: number, tokens: number, id: number) =>
      idsOf(all, arrival(index, tokens, { prefix: { id, tokens: 100 } }))
    const a = with_(0, 150, 3)
    expect(commonLength(a, with_(1, 400, 3))).toBe(100)
    expect(commonLength(a, with_(2, 60, 3))).toBe(60)
    expect(commonLength(a, with_(3, 150, 4))).toBe(0)
  })

  it('is all of the turn before, in a conversation', () => {
    const all = prompts()
    const turn = (index: number, id: string, at: number, tokens: number) =>
      idsOf(all, arrival(index, tokens, { session: { id, turn: at }, prefix: { id: 1, tokens: 30 } }))
    const first = turn(0, 'x', 0, 75)
    const second = turn(1, 'x', 1, 300)
    expect(second.slice(0, 75)).toEqual(first)
    expect(turn(2, 'x', 2, 301).slice(0, 300)).toEqual(second)
    expect(commonLength(turn(3, 'y', 0, 300), second)).toBe(30)
  })

  it('is equal blocks at equal places, as the first rows of the Mooncake trace say', (context) => {
    const rows = readFileSync(sharedData(context, MOONCAKE), 'utf8')
      .split('\n', 150)
      .map((line) => JSON.parse(line) as { input_length: number; hash_ids: number[] })
    const all = prompts()
    const blocks = new Map<number, string>()
    const contents = new Map<string, number>()
    let again = 0
    for (const [index, row] of rows.entries()) {
      const ids = idsOf(all, arrival(index, row.input_length, { blocks: { ids: row.hash_ids, blockTokens: 512 } }))
      expect(ids).toHaveLength(row.input_length)
      for (const [place, hash] of row.hash_ids.entries()) {
        const block = ids.slice(place * 512, (place + 1) * 512).join()
        const before = blocks.get(hash)
        if (before === undefined) {
          expect(contents.has(block.slice(0, 60))).toBe(false)
          contents.set(block.slice(0, 60), hash)
          blocks.set(hash, block)
        } else {
          again++
          const [short, long] = before.length < block.length ? [before, block] : [block, before]
          expect(long.startsWith(short)).toBe(true)
          blocks.set(hash, long)
        }
      }
    }
    expect(again).toBeGreaterThan(20)
  })

  it('does not hang on where a block stands', () => {
    const all = prompts()
    const of = (index: number, ids: number[]) => idsOf(all, arrival(index, 60, { blocks: { ids, blockTokens: 20 } }))
    const a = of(0, [1, 2, 3])
    const b = of(1, [9, 2, 1])
    expect(b.slice(20, 40)).toEqual(a.slice(20, 40))
    expect(b.slice(40)).toEqual(a.slice(0, 20))
    expect(commonLength(a, b)).toBe(0)
  })

  it('ends where the blocks end: what is over is its own', () => {
    const all = prompts()
    const of = (index: number) => idsOf(all, arrival(index, 100, { blocks: { ids: [5], blockTokens: 40 } }))
    expect(commonLength(of(0), of(1))).toBe(40)
  })
})

describe('intended cached tokens', () => {
  const blocks = fc
    .record({
      ids: fc.array(fc.nat(2), { minLength: 1, maxLength: 5 }),
      cut: fc.integer({ min: 0, max: 19 }),
      over: fc.nat(9),
    })
    .map(({ ids, cut, over }) => ({
      blocks: { ids, blockTokens: 20 },
      inputTokens: cut > 0 ? ids.length * 20 - cut : ids.length * 20 + over,
    }))
  const prefixed = fc
    .record({ id: fc.nat(2), inputTokens: fc.integer({ min: 1, max: 60 }) })
    .map(({ id, inputTokens }) => ({
      prefix: { id, tokens: 25 },
      inputTokens,
    }))
  const turns = fc
    .record({ id: fc.nat(2), inputTokens: fc.integer({ min: 1, max: 90 }) })
    .map(({ id, inputTokens }) => ({
      session: { id: `s${id}`, turn: 0 },
      prefix: { id, tokens: 25 },
      inputTokens,
    }))

  it('are those of the longest beginning that an earlier prompt had, token by token', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(blocks, prefixed, turns), { maxLength: 30 }), (rows) => {
        const all = prompts()
        const seen: number[][] = []
        for (const [index, row] of rows.entries()) {
          const one = arrival(index, row.inputTokens, row)
          const ids = idsOf(all, one)
          const real = Math.max(0, ...seen.map((before) => commonLength(before, ids)))
          seen.push(ids)
          expect(all.intendedCachedTokens(one)).toBe(real)
        }
      }),
      // A beginning that is equal by chance is 1 in 30,000 for each pair: the seed is one without.
      { numRuns: 40, seed: 7 },
    )
  })
})
