import type { Endpoint } from '../generation.ts'
import type { Output } from '../text/token-output.ts'
import type { FinishReason } from './metrics.ts'

export interface ResponseHead {
  endpoint: Endpoint
  /** With its prefix, as it is sent. */
  id: string
  /** Unix time, s. */
  created: number
  model: string
  promptTokens: number[]
  cachedTokens: number
  returnTokenIds: boolean
  includeUsage: boolean
  continuousUsage: boolean
}

export const DONE_EVENT = 'data: [DONE]\n\n'

export function usageJson(promptTokens: number, completionTokens: number, cachedTokens: number): string {
  return `{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens + completionTokens},"completion_tokens":${completionTokens},"prompt_tokens_details":{"cached_tokens":${cachedTokens}}}`
}

/**
 * The events of one stream. What all of them share is built once; one more costs the JSON of its text and a few
 * concatenations, because the machine that decodes is the one that is measured.
 */
export class StreamEvents {
  readonly #head: ResponseHead
  readonly #opening: string
  readonly #beforeText: string
  readonly #afterText: string
  #first = true

  constructor(head: ResponseHead) {
    const chat = head.endpoint === 'chat'
    const object = chat ? 'chat.completion.chunk' : 'text_completion'
    this.#head = head
    this.#opening = `data: {"id":${JSON.stringify(head.id)},"object":"${object}","created":${head.created},"model":${JSON.stringify(head.model)},`
    this.#beforeText = `${this.#opening}"choices":[{"index":0,${chat ? '"delta":{"content":' : '"text":'}`
    this.#afterText = chat ? '},"logprobs":null,"finish_reason":' : ',"logprobs":null,"finish_reason":'
  }

  /** The first event of a chat: the role, no token. Completions have none. */
  start(): string {
    if (this.#head.endpoint !== 'chat') return ''
    const role =
      '"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]'
    const ids = this.#head.returnTokenIds ? `,"prompt_token_ids":${JSON.stringify(this.#head.promptTokens)}` : ''
    return `${this.#opening}${role}${ids}${this.#usage(0)}}\n\n`
  }

  /** `completionTokens`: of the whole answer so far. */
  token(output: Output, completionTokens: number): string {
    const reason = output.finishReason === undefined ? 'null' : `"${output.finishReason}"`
    const text = JSON.stringify(output.text)
    return `${this.#beforeText}${text}${this.#afterText}${reason}${this.#ids(output.tokens)}}]${this.#usage(completionTokens)}}\n\n`
  }

  /** After the last token: usage where it was asked for, and the end. */
  end(completionTokens: number): string {
    if (!this.#head.includeUsage) return DONE_EVENT
    const { promptTokens, cachedTokens } = this.#head
    const usage = usageJson(promptTokens.length, completionTokens, cachedTokens)
    return `${this.#opening}"choices":[],"usage":${usage}}\n\n${DONE_EVENT}`
  }

  #usage(completionTokens: number): string {
    const { includeUsage, continuousUsage, promptTokens, cachedTokens } = this.#head
    if (!includeUsage) return ''
    return continuousUsage
      ? `,"usage":${usageJson(promptTokens.length, completionTokens, cachedTokens)}`
      : ',"usage":null'
  }

  #ids(tokens: number[]): string {
    if (!this.#head.returnTokenIds) return ''
    const first = this.#first && this.#head.endpoint === 'completions'
    this.#first = false
    return `${first ? `,"prompt_token_ids":${JSON.stringify(this.#head.promptTokens)}` : ''},"token_ids":[${tokens.join(',')}]`
  }
}

/** The body of an answer that is not streamed. */
export function wholeResponse(head: ResponseHead, text: string, tokens: number[], finishReason: FinishReason): string {
  const chat = head.endpoint === 'chat'
  const { returnTokenIds, promptTokens } = head
  const choice = {
    index: 0,
    ...(chat ? { message: { role: 'assistant', content: text } } : { text }),
    logprobs: null,
    finish_reason: finishReason,
    ...(returnTokenIds && { token_ids: tokens }),
    ...(returnTokenIds && !chat && { prompt_token_ids: promptTokens }),
  }
  const body = {
    id: head.id,
    object: chat ? 'chat.completion' : 'text_completion',
    created: head.created,
    model: head.model,
    choices: [choice],
    ...(returnTokenIds && chat && { prompt_token_ids: promptTokens }),
  }
  const usage = usageJson(promptTokens.length, tokens.length, head.cachedTokens)
  return `${JSON.stringify(body).slice(0, -1)},"usage":${usage}}`
}
