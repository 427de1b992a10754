import { LayerlineError } from '../base/errors.ts'
import type { ServerInfo } from '../sources/requests/probe.ts'
import { abilitiesOf } from '../sources/requests/server-kinds.ts'
import type { Endpoint, Target } from '../sources/requests/target.ts'
import type { ArrivalPrompts } from '../workload/arrivals/arrival.ts'
import type { Tokenizer } from '../workload/prompt-sets/tokenizer.ts'
import { tokenizerFromFile } from '../workload/prompt-sets/tokenizer-json.ts'
import type { PromptVocabulary } from '../workload/synthetic-prompts/prompt-vocabulary.ts'
import { tokenIdsFromFile, tokenIdsFromTokenizer } from '../workload/synthetic-prompts/safe-token-ids.ts'
import { syntheticPrompts } from '../workload/synthetic-prompts/synthetic-prompts.ts'
import { wordVocabulary } from '../workload/synthetic-prompts/word-vocabulary.ts'
import { JsonApi } from './prompt-sets/json-api.ts'
import { tokenizerFromServer } from './prompt-sets/server-tokenizer.ts'

/** Tokenizing is the server's work; more requests at once would only wait there. */
const CONNECTIONS = 8

export interface PromptsWanted {
  readonly target: Target
  readonly server: ServerInfo
  readonly model: string
  /**
   * What the user specified of the endpoint, by --endpoint or a whole URL; null: nothing, then token ids are sent to
   * the endpoint that takes them.
   */
  readonly endpoint: Endpoint | null
  /** A model's folder, its tokenizer.json, or `server`; undefined: the server, where it has /tokenize. */
  readonly tokenizer: string | undefined
  /** Another salt gives other prompts: no cache knows them from an earlier run. */
  readonly salt: string
}

/**
 * Prompts for the arrivals of a schedule, as this server takes them: token ids on completions where it can be known
 * which ids are ordinary ones, else text. `endpoint` is where they go. Throws `input/tokenizer` for a --tokenizer that
 * cannot be read, `input/no-tokenize` where `server` was asked for and has none.
 */
export async function promptsForArrivals(
  wanted: PromptsWanted,
): Promise<{ prompts: ArrivalPrompts; endpoint: Endpoint }> {
  const asIds =
    wanted.endpoint === 'completions' || (wanted.endpoint === null && abilitiesOf(wanted.server.server).takesTokenIds)
  const api = new JsonApi(wanted.target, CONNECTIONS)
  try {
    const file = wanted.tokenizer === 'server' ? undefined : wanted.tokenizer
    if (asIds && file !== undefined) return made(await tokenIdsFromFile(file), 'completions', wanted.salt)
    const tokenizer = file === undefined ? await serverTokenizer(api, wanted) : await tokenizerFromFile(file)
    const ids = asIds && tokenizer !== null ? await ordinaryIds(tokenizer, wanted) : null
    if (ids !== null) return made(ids, 'completions', wanted.salt)
    const endpoint = wanted.endpoint ?? 'chat'
    return made(await wordVocabulary(tokenizer, endpoint), endpoint, wanted.salt)
  } finally {
    api.close()
  }
}

function made(vocabulary: PromptVocabulary, endpoint: Endpoint, salt: string) {
  return { prompts: syntheticPrompts(vocabulary, salt), endpoint }
}

/** Null if the tokenizer has too few ordinary tokens and the user does not insist on it. */
async function ordinaryIds(tokenizer: Tokenizer, wanted: PromptsWanted): Promise<PromptVocabulary | null> {
  try {
    return await tokenIdsFromTokenizer(tokenizer)
  } catch (error) {
    if (wanted.tokenizer === undefined && error instanceof LayerlineError && error.code === 'input/tokenizer')
      return null
    throw error
  }
}

/** Null if the server has no /tokenize of vLLM's shape and the user does not insist on it. */
async function serverTokenizer(api: JsonApi, { model, tokenizer }: PromptsWanted): Promise<Tokenizer | null> {
  try {
    return await tokenizerFromServer(api, model)
  } catch (error) {
    const missing = error instanceof LayerlineError && ['input/no-tokenize', 'input/tokenize'].includes(error.code)
    if (missing && tokenizer === undefined) return null
    throw error
  }
}
