import type { Arrival, ArrivalPrompts } from '../arrivals/arrival.ts'
import { Contents } from './content.ts'
import { IntendedCache, MOST_BLOCKS, MOST_SESSIONS } from './intended-cache.ts'
import type { PromptVocabulary } from './prompt-vocabulary.ts'

/**
 * Prompts of as many tokens as each arrival says, made of random entries of a vocabulary: distinct from each other, but
 * that equal blocks, equal prefixes and the turns of a conversation are equal. Another salt, other prompts throughout.
 */
export function syntheticPrompts(vocabulary: PromptVocabulary, salt: string): ArrivalPrompts {
  const contents = new Contents(vocabulary.entries, salt)
  const cache = new IntendedCache()
  const { aroundTokens, tokensPerEntry } = vocabulary
  /** Tokens of a prompt that are its own; the others are the server's. At least one. */
  const contentTokens = (arrival: Arrival) => Math.max(1, arrival.inputTokens - aroundTokens)
  const entriesOf = (tokens: number) => Math.max(1, Math.round(tokens / tokensPerEntry))
  return {
    provenance: {
      ...vocabulary.provenance,
      salt,
      tokens_around: aroundTokens,
      intended_cache: { blocks_at_least: MOST_BLOCKS, conversations_at_least: MOST_SESSIONS },
    },
    notes: vocabulary.notes,
    promptOf(arrival) {
      const parts: string[] = []
      appendContent(parts, arrival, contents, contentTokens(arrival), entriesOf)
      return vocabulary.finish(parts.join(''))
    },
    intendedCachedTokens: (arrival) => cache.see(arrival, contentTokens(arrival)),
  }
}

function appendContent(
  parts: string[],
  arrival: Arrival,
  contents: Contents,
  tokens: number,
  entriesOf: (tokens: number) => number,
): void {
  const { blocks, session, prefix } = arrival
  let left = tokens
  const append = (key: ReturnType<Contents['own']>, most: number) => {
    if (left <= 0 || most <= 0) return
    const now = Math.min(most, left)
    contents.append(parts, key, entriesOf(now))
    left -= now
  }
  if (blocks !== null) {
    for (const id of blocks.ids) append(contents.block(id), blocks.blockTokens)
    append(contents.own(arrival.index), left)
    return
  }
  if (prefix !== undefined) append(contents.prefix(prefix.id), prefix.tokens)
  // All turns of a conversation are the start of one content: what comes next in it replaces the answers.
  append(session === null ? contents.own(arrival.index) : contents.session(session.id), left)
}
