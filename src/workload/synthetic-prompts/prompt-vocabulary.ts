import type { TokenIdsText } from '../arrivals/arrival.ts'

/** What synthetic prompts are made of: texts of one token each, in whichever order they stand. */
export interface PromptVocabulary {
  /** The pieces of a prompt, each one token. */
  readonly entries: readonly string[]
  /** Tokens that the server puts around a prompt: of its chat template, or BOS. They count in its length. */
  readonly aroundTokens: number
  /** Tokens of an entry where they are only known on average; 1 where prompts are exact. */
  readonly tokensPerEntry: number
  /** What is sent of entries joined. */
  finish(joined: string): string | TokenIdsText
  readonly provenance: Readonly<Record<string, unknown>>
  readonly notes: readonly string[]
}

/** Prompts as token ids, which a server takes as they are: exact always. */
export function tokenIdVocabulary(ids: readonly number[], provenance: Record<string, unknown>): PromptVocabulary {
  return {
    entries: ids.map((id) => `${id},`),
    aroundTokens: 0,
    tokensPerEntry: 1,
    finish: (joined) => ({ tokenIdsJson: `[${joined.slice(0, -1)}]` }),
    provenance: { prompts: 'token ids', exact: true, distinct_ids: ids.length, ...provenance },
    notes: [],
  }
}
