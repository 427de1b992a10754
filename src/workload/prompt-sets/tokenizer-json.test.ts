import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { randomStream } from '../../base/random-stream.ts'
import type { PromptSetPlan } from './plan.ts'
import { measureOverhead, PrefillTexts } from './prefill-texts.ts'
import { story } from './story.ts'
import { grammarSource } from './text-source.ts'
import type { Tokenizer } from './tokenizer.ts'
import { tokenizerFromFile } from './tokenizer-json.ts'

/**
 * Pairs of symbols in the order they were learned, from the test's own text: byte-pair encoding in its simplest form.
 */
function learnMerges(text: string, count: number): [string, string][] {
  const words = (text.match(WORDS) ?? []).map((word) => [...word.replace(' ', 'Ġ')])
  const merges: [string, string][] = []
  while (merges.length < count) {
    const pairs = new Map<string, number>()
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1)
      }
    }
    const [best] = [...pairs].toSorted((a, b) => b[1] - a[1])
    if (best === undefined) break
    const [left, right] = best[0].split(' ') as [string, string]
    merges.push([left, right])
    for (const word of words) mergeIn(word, left, right)
  }
  return merges
}

const WORDS = / ?[A-Za-z]+| ?\d+| ?[^\sA-Za-z\d]+/g

function mergeIn(word: string[], left: string, right: string): void {
  for (let i = 0; i + 1 < word.length; i++) {
    if (word[i] === left && word[i + 1] === right) word.splice(i, 2, left + right)
  }
}

/** The count by the rules themselves, merge after merge. */
function countByHand(text: string, merges: readonly [string, string][]): number {
  let count = 0
  for (const found of text.match(WORDS) ?? []) {
    const word = [...found.replace(' ', 'Ġ')]
    for (const [left, right] of merges) mergeIn(word, left, right)
    count += word.length
  }
  return count
}

function tokenizerJson(merges: readonly [string, string][]): object {
  const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
  const symbols = ['<s>', 'Ġ', ...ascii, ...merges.map(([left, right]) => left + right)]
  const vocab = Object.fromEntries([...new Set(symbols)].map((symbol, id) => [symbol, id]))
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  return {
    version: '1.0',
    added_tokens: [
      { id: 0, content: '<s>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
    ],
    normalizer: null,
    pre_tokenizer: bytes,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [],
      special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
    },
    decoder: bytes,
    model: { type: 'BPE', vocab, merges: merges.map((pair) => pair.join(' ')) },
  }
}

describe('a tokenizer.json', () => {
  const merges = learnMerges(story(randomStream('corpus'), 6000), 150)
  let folder: string
  let tokenizer: Tokenizer
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'layerline-test-'))
    writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizerJson(merges)))
    tokenizer = await tokenizerFromFile(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('counts as its rules say, with and without BOS', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const text = story(randomStream('any', seed), 300)
        const ids = await tokenizer.encode(text, false)
        expect(ids).toHaveLength(countByHand(text, merges))
        expect(await tokenizer.encode(text, true)).toEqual([0, ...ids])
      }),
      { numRuns: 30 },
    )
  })

  it('gives texts whose size is exact by the rules, though most of its words are several tokens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 4, max: 900 }), fc.nat(2 ** 31), async (size, seed) => {
        const plan: PromptSetPlan = {
          stage: 'prefill',
          sizes: [size],
          perSize: 2,
          unit: 'tokens',
          seed,
          salt: 's',
          sharedPrefix: 0,
          tokenIds: false,
        }
        const overhead = await measureOverhead(tokenizer, true)
        expect(overhead).toMatchObject({ bos: 1, template: null })
        const texts = await PrefillTexts.create({ plan, tokenizer, source: grammarSource(plan), overhead })
        for (let index = 0; index < 2; index++) {
          const { text } = await texts.make({ size, index, attempt: 0 })
          expect(countByHand(text, merges)).toBe(size)
        }
      }),
      { numRuns: 15 },
    )
  })

  it('may be named itself', async () => {
    const named = await tokenizerFromFile(join(folder, 'tokenizer.json'))
    expect(named.identity).toBe(tokenizer.identity)
  })

  it.each([
    ['is nowhere', null, 'no such file or folder'],
    ['is no JSON', 'hello', 'not JSON'],
    ['is no object', '[1]', 'expected a JSON object'],
    ['is something else', '{"a": 1}', 'no `model`'],
    ['is of an unknown kind', '{"model": {"type": "Marvellous"}}', 'cannot be read'],
  ])('that %s is an error with its path', async (_, content, said) => {
    const path = join(tempFolder(), 'tokenizer.json')
    if (content !== null) writeFileSync(path, content)
    const error = await tokenizerFromFile(path).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'input/tokenizer', message: expect.stringContaining(path) })
    expect((error as Error).message).toContain(said)
  })

  it.each([
    ['git-lfs', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9085657\n', 'Git LFS pointer'],
    ['html', '<!doctype html><html><title>Sign in</title></html>', 'HTML page'],
    ['gzip', gzipSync('{"model": {"type": "BPE"}}'), 'packed by gzip'],
    ['utf-16', Buffer.from('\uFEFF{"model": {"type": "BPE"}}', 'utf16le'), 'UTF-16'],
    ['a SentencePiece model', Buffer.from('\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02', 'latin1'), 'no text'],
  ])('that is %s is named as that', async (_, content, said) => {
    const path = join(tempFolder(), 'tokenizer.json')
    writeFileSync(path, content)
    await expect(tokenizerFromFile(path)).rejects.toMatchObject({
      code: 'input/tokenizer',
      message: expect.stringContaining(said),
      hint: expect.stringMatching(/./),
    })
  })

  it('that is larger than any model has is not read', async () => {
    const path = join(tempFolder(), 'tokenizer.json')
    writeFileSync(path, '{')
    truncateSync(path, 256 * 2 ** 20 + 1)
    await expect(tokenizerFromFile(path)).rejects.toMatchObject({
      code: 'input/tokenizer',
      message: expect.stringContaining('256 MiB'),
    })
  })

  it('is missed by name in a folder that has none, and its config is read where there is one', async () => {
    const empty = tempFolder()
    await expect(tokenizerFromFile(empty)).rejects.toMatchObject({
      message: expect.stringContaining('tokenizer.json: no such file'),
    })
    writeFileSync(join(folder, 'tokenizer_config.json'), '{')
    await expect(tokenizerFromFile(folder)).rejects.toMatchObject({
      message: expect.stringContaining('tokenizer_config.json: not JSON'),
    })
  })
})
