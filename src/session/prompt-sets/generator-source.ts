import { setTimeout as sleep } from 'node:timers/promises'
import { LayerlineError } from '../../base/errors.ts'
import { randomStream } from '../../base/random-stream.ts'
import { ELEMENTS } from '../../workload/prompt-sets/elements.ts'
import { ADJECTIVES, NAMES, NOUNS } from '../../workload/prompt-sets/story-words.ts'
import type { TextSource } from '../../workload/prompt-sets/text-source.ts'
import type { JsonAnswer, JsonApi } from './json-api.ts'

export interface GeneratorOptions {
  api: JsonApi
  model: string
  seed: number
  salt: string
  /** Where its key is from, or null where there is none; for messages. */
  keySource: string | null
  /** Names in the environment that may hold the key, for the hint. */
  keyNames: readonly string[]
  /** First wait before another try, ms; doubles with each. */
  backoffMs?: number
  /** Tries in all for one answer. */
  tries?: number
  /** Called before each wait. */
  onRetry?: (what: string, waitMs: number) => void
}

const TIMEOUT_MS = 300_000
const MOST_WAIT_MS = 60_000
/** The most tokens requested in one answer; longer texts are made of several. */
const MOST_TOKENS = 2048

/**
 * Texts written by a model behind an OpenAI-like chat API. Each request names another subject, drawn from seed and
 * salt.
 * Temporary failures (429, 5xx, a broken connection, an empty answer) are retried, later each time or when the server
 * says. Throws `input/generator-key`, `input/generator`, and `unreachable/generator` after the last attempt.
 */
export function generatorSource(options: GeneratorOptions): TextSource {
  const { api, model, seed, salt } = options
  return {
    name: `${model} at ${api.target.url}`,
    async write({ size, index, attempt }, part, tokens) {
      const random = randomStream('generator', seed, salt, size, index, attempt, part)
      const wanted = Math.min(tokens, MOST_TOKENS)
      const subject = `${random.pick(ELEMENTS)}, ${random.pick(NAMES)} and a ${random.pick(ADJECTIVES)} ${random.pick(NOUNS)}`
      return clean(
        await answerTo(options, {
          model,
          messages: [
            {
              role: 'user',
              content: `Write about ${Math.ceil(wanted)} words of a story about ${subject}. Plain prose only: no title, no list, no remarks.`,
            },
          ],
          max_tokens: Math.ceil(wanted * 1.5) + 64,
          temperature: 1,
          seed: random.below(2 ** 31),
        }),
      )
    },
  }
}

async function answerTo(options: GeneratorOptions, body: object): Promise<string> {
  const { api, backoffMs = 500, tries = 7 } = options
  for (let tried = 1; ; tried++) {
    let failure: LayerlineError
    let waitMs = Math.min(backoffMs * 2 ** (tried - 1), MOST_WAIT_MS)
    try {
      const answer = await api.post(api.target.path, body, TIMEOUT_MS)
      const text = textOf(answer.json)
      if (answer.status === 200 && text !== null && text.trim() !== '') return text
      failure = refused(answer, options)
      if (!isPassing(answer.status)) throw failure
      if (answer.retryAfterS !== null) waitMs = Math.min(answer.retryAfterS * 1000, MOST_WAIT_MS)
    } catch (error) {
      if (!(error instanceof LayerlineError) || error.code !== 'unreachable/server' || api.signal.aborted) throw error
      failure = new LayerlineError('unreachable/generator', error.message, { cause: error })
    }
    if (tried >= tries) {
      throw new LayerlineError('unreachable/generator', `${failure.message} (tried ${tried} times)`, {
        hint: 'what is written so far is kept: the same command resumes it',
        cause: failure,
      })
    }
    options.onRetry?.(failure.message, waitMs)
    await sleep(waitMs, undefined, { signal: api.signal })
  }
}

/** Whether a retry may help; 200 is in the list for an answer without text. */
function isPassing(status: number): boolean {
  return status === 200 || status === 408 || status === 409 || status === 425 || status === 429 || status >= 500
}

function textOf(json: unknown): string | null {
  const choices = (json as { choices?: { message?: { content?: unknown } }[] } | null | undefined)?.choices
  const content = Array.isArray(choices) ? choices[0]?.message?.content : undefined
  return typeof content === 'string' ? content : null
}

/** Control tokens in the text would act as control tokens on the server; line ends would split rows in the file. */
function clean(text: string): string {
  return text
    .replaceAll(/<think>[\s\S]*?<\/think>/g, ' ')
    .replaceAll(/<\|[^|>]{0,64}\|>|<\/?(?:s|bos|eos|pad|unk|think)>/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\uFFFD\s]+/gu, ' ')
    .trim()
}

function refused({ url, status, message }: JsonAnswer, { keySource, keyNames }: GeneratorOptions): LayerlineError {
  const what = `${url}: HTTP ${status}${message === '' ? '' : `: ${message}`}`
  if (status === 401 || status === 403) {
    return new LayerlineError('input/generator-key', what, {
      hint:
        keySource === null
          ? `the generator wants a key: set ${keyNames.join(' or ')} in the environment or .env`
          : `the key of ${keySource} was refused`,
    })
  }
  if (status === 200) return new LayerlineError('input/generator', `${url}: an answer without text`)
  return new LayerlineError('input/generator', what, {
    hint: 'is --generator-url the base of an OpenAI-like API, and --generator-model one of its models?',
  })
}
