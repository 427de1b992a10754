import { setTimeout as sleep } from 'node:timers/promises'
import { LayerlineError } from '../../base/errors.ts'
import type { Tokenizer } from '../../workload/prompt-sets/tokenizer.ts'
import type { JsonAnswer, JsonApi } from './json-api.ts'

const TIMEOUT_MS = 60_000
const TRIES = 4

interface Tokens {
  tokens: number[]
  contextTokens: number | null
}

/**
 * The tokenizer of a running server by its `/tokenize`, in vLLM's shape (`{model, prompt, add_special_tokens}` or
 * `{model, messages}` -> `{count, max_model_len, tokens}`). Throws `input/no-tokenize` where the server has none,
 * `unreachable/*` where nothing answers.
 */
export async function tokenizerFromServer(api: JsonApi, model: string): Promise<Tokenizer> {
  const path = `${api.target.basePath.replace(/\/v\d+[a-z0-9]*$/, '')}/tokenize`
  const ask = async (body: object): Promise<Tokens> => {
    const answer = await postAgain(api, path, { model, ...body })
    if (answer.status !== 200) throw refused(answer)
    const tokens = tokensOf(answer.json)
    if (tokens !== null) return tokens
    throw new LayerlineError(
      'input/no-tokenize',
      `${answer.url}: expected {"count": …, "tokens": […]} as vLLM answers, got ${answer.message || 'something else'}`,
      { hint: HINT },
    )
  }
  const { contextTokens } = await ask({ prompt: 'A first try.', add_special_tokens: false })
  return {
    name: `${api.target.url.replace(/\/(chat\/)?completions.*$/, '')} (/tokenize, ${model})`,
    identity: `server ${api.target.host}:${api.target.port}${path} ${model}`,
    contextTokens,
    encode: async (text, special) => (await ask({ prompt: text, add_special_tokens: special })).tokens,
    async chatTokens(text) {
      try {
        return (await ask({ messages: [{ role: 'user', content: text }], add_generation_prompt: true })).tokens.length
      } catch (error) {
        // A model without a chat template: the server refuses messages, and only those.
        if (error instanceof LayerlineError && error.code === 'input/tokenize') return null
        throw error
      }
    },
  }
}

const HINT = "give --tokenizer the folder with the model's tokenizer.json, or the --url of a vLLM server"

/** A retry is due if the server has just closed a kept connection, or is busy. */
async function postAgain(api: JsonApi, path: string, body: object): Promise<JsonAnswer> {
  for (let tries = 1; ; tries++) {
    try {
      const answer = await api.post(path, body, TIMEOUT_MS)
      if (tries === TRIES || (answer.status !== 429 && answer.status !== 503)) return answer
      await sleep(Math.min(answer.retryAfterS ?? 0.2 * 2 ** tries, 10) * 1000, undefined, { signal: api.signal })
    } catch (error) {
      if (tries === TRIES || api.signal.aborted) throw error
      await sleep(50 * 2 ** tries, undefined, { signal: api.signal })
    }
  }
}

function tokensOf(json: unknown): Tokens | null {
  if (typeof json !== 'object' || json === null || !('tokens' in json) || !Array.isArray(json.tokens)) return null
  const tokens: unknown[] = json.tokens
  if (!tokens.every((token) => Number.isSafeInteger(token))) return null
  const room = 'max_model_len' in json ? json.max_model_len : null
  return { tokens: tokens as number[], contextTokens: typeof room === 'number' ? room : null }
}

function refused({ url, status, message }: JsonAnswer): LayerlineError {
  const what = `${url}: HTTP ${status}${message === '' ? '' : `: ${message}`}`
  if (status === 404 || status === 405 || status === 501) {
    return new LayerlineError('input/no-tokenize', `${what}; expected the server's /tokenize`, { hint: HINT })
  }
  if (status === 401 || status === 403) {
    return new LayerlineError('input/unauthorized', what, {
      hint: 'give the API key by the environment or a file; see --help',
    })
  }
  if (status >= 500 || status === 429) return new LayerlineError('unreachable/server-error', what)
  return new LayerlineError('input/tokenize', what, { hint: HINT })
}
