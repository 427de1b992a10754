import { expect, test } from 'vitest'
import type { PromptRow } from '../workload/prompts.ts'
import { decodeWarning } from './decode-warning.ts'

const row = (more: Partial<PromptRow>): PromptRow => ({
  id: '0',
  prompt: 'write 1000 words',
  line: 2,
  size: 1000,
  stage: 'decode',
  maxTokens: null,
  requestedUnit: 'words',
  attrs: null,
  ...more,
})
const run = { stage: undefined, maxTokens: undefined, maxModelLen: 8192, ignoreEos: false, concurrency: 2, repeat: 1 }
const hundred = Array.from({ length: 100 }, () => row({}))

test('says how long an endless model takes, and one that stops as asked', () => {
  // 100 x 8192 tokens at 50 tokens/s, two at once: 8192 s; 100 x 1000 words of 1.4 tokens: 1400 s.
  const warning = decodeWarning(hundred, run)
  expect(warning).toContain('8,192 tokens each: about 2 h')
  expect(warning).toContain('about 23 min')
  expect(decodeWarning(hundred, { ...run, ignoreEos: true })).not.toContain('23 min')
  expect(decodeWarning(hundred, { ...run, maxModelLen: null })).toContain('23 min')
})

test('says nothing where answers are limited, short, or no decoding', () => {
  expect(decodeWarning(hundred, { ...run, maxTokens: 64 })).toBeNull()
  expect(decodeWarning([row({ maxTokens: 64 })], run)).toBeNull()
  expect(decodeWarning([row({})], run)).toBeNull()
  expect(
    decodeWarning(
      Array.from({ length: 100 }, () => row({ stage: 'prefill' })),
      run,
    ),
  ).toBeNull()
  expect(decodeWarning([], run)).toBeNull()
})
