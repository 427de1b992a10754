import { type RandomStream, randomStream } from '../../base/random-stream.ts'
import * as words from '../prompt-sets/story-words.ts'
import type { Tokenizer } from '../prompt-sets/tokenizer.ts'
import type { PromptVocabulary } from './prompt-vocabulary.ts'

/** Words whose tokens are to be looked at. */
const CANDIDATES: readonly string[] = [
  ...new Set([
    ...words.NAMES,
    ...words.ADJECTIVES,
    ...words.NOUNS,
    ...words.PLURALS,
    ...words.TRANSITIVE,
    ...words.INTRANSITIVE,
    ...words.ADVERBS,
    ...words.FILLERS,
  ]),
]
/** With fewer words prompts would be alike soon. */
const LEAST_WORDS = 32
const HEAD = 'The river was calm'
/** Texts of so many words must count as the sum of their words, each several times. */
const TRIED = [1, 2, 3, 17, 100, 100, 1000]

type Count = (text: string) => Promise<number>

/**
 * Words that are one token each in any position, by the tokenizer that will count: texts of them have exactly as many
 * tokens as words. That is checked on texts up to a thousand words, with the chat template around them; if it fails, or
 * without a tokenizer, the counts are an estimate, and marked as one.
 */
export async function wordVocabulary(
  tokenizer: Tokenizer | null,
  endpoint: 'chat' | 'completions',
): Promise<PromptVocabulary> {
  if (tokenizer === null) {
    return estimated(1, 0, 'no tokenizer: each word is counted as one token', null)
  }
  const plain: Count = async (text) => (await tokenizer.encode(text, false)).length
  const hasTemplate = endpoint === 'chat' && (await tokenizer.chatTokens(HEAD)) !== null
  const whole: Count = hasTemplate
    ? async (text) => (await tokenizer.chatTokens(text)) ?? 0
    : async (text) => (await tokenizer.encode(text, endpoint === 'completions')).length
  const head = await plain(HEAD)
  const behindBlank = await thoseThat(
    CANDIDATES,
    async (some) => (await plain(`${HEAD} ${some.join(' ')}`)) - head === some.length,
  )
  // The first word has no blank before it, which makes it another token.
  const first = await thoseThat(behindBlank, async (some) => (await plain(some.join('\n'))) === 2 * some.length - 1)
  const chosen = first.length >= LEAST_WORDS ? first : behindBlank
  const random = randomStream('words tried')
  if (chosen.length >= LEAST_WORDS) {
    const around = await constantAround(chosen, whole, random)
    if (around !== null) {
      const unknown = endpoint === 'chat' && !hasTemplate
      return {
        ...textVocabulary(chosen, 1, around),
        provenance: {
          prompts: 'text',
          exact: !unknown,
          tokens_by: tokenizer.name,
          tokenizer: tokenizer.identity,
          distinct_words: chosen.length,
        },
        notes: unknown
          ? ['prompts are exact without the chat template, whose tokens come on top: only the server knows them']
          : [],
      }
    }
  }
  const sample = textOf(CANDIDATES, 1000, random)
  const one = await whole(textOf(CANDIDATES, 1, random))
  const tokensPerWord = ((await whole(sample)) - one) / 999
  return estimated(
    tokensPerWord,
    Math.max(0, Math.round(one - tokensPerWord)),
    `about ${tokensPerWord.toFixed(3)} tokens a word by ${tokenizer.name}`,
    tokenizer,
  )
}

/** Tokens that the server puts around any text of these words, or null where they are not always as many. */
async function constantAround(chosen: readonly string[], whole: Count, random: RandomStream): Promise<number | null> {
  const found = await Promise.all(TRIED.map(async (size) => (await whole(textOf(chosen, size, random))) - size))
  const around = found[0] ?? -1
  return around >= 0 && found.every((one) => one === around) ? around : null
}

/** Those of which any group passes: halves what does not pass until single words are left. */
async function thoseThat(
  some: readonly string[],
  pass: (some: readonly string[]) => Promise<boolean>,
): Promise<readonly string[]> {
  if (some.length === 0 || (await pass(some))) return some
  if (some.length === 1) return []
  const half = some.length >> 1
  const parts = await Promise.all([thoseThat(some.slice(0, half), pass), thoseThat(some.slice(half), pass)])
  return parts.flat()
}

function textOf(from: readonly string[], size: number, random: RandomStream): string {
  return Array.from({ length: size }, () => random.pick(from)).join(' ')
}

function estimated(
  tokensPerEntry: number,
  aroundTokens: number,
  how: string,
  tokenizer: Tokenizer | null,
): PromptVocabulary {
  return {
    ...textVocabulary(CANDIDATES, tokensPerEntry, aroundTokens),
    provenance: {
      prompts: 'text',
      exact: false,
      estimate: how,
      ...(tokenizer === null ? {} : { tokens_by: tokenizer.name, tokenizer: tokenizer.identity }),
      distinct_words: CANDIDATES.length,
    },
    notes: [`token counts of prompts are an estimate (${how}); the server's usage says what they were`],
  }
}

function textVocabulary(entries: readonly string[], tokensPerEntry: number, aroundTokens: number) {
  return {
    entries: entries.map((word) => ` ${word}`),
    tokensPerEntry,
    aroundTokens,
    finish: (joined: string) => joined.slice(1),
  }
}
