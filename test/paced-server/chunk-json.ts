import type { Completion } from './completion.ts'
import { tokenId, word } from './words.ts'

export type Channel = 'content' | 'reasoning' | 'tool'
const CREATED = 1_790_000_000

/** The JSON that vLLM writes for one completion: its chunks, its usage, its whole answer. */
export class ChunkJson {
  private readonly c: Completion
  private readonly head: string

  constructor(completion: Completion) {
    this.c = completion
    const object = completion.chat ? 'chat.completion.chunk' : 'text_completion'
    this.head = `{"id":${JSON.stringify(completion.id)},"object":"${object}","created":${CREATED},"model":${JSON.stringify(completion.model)},"choices":[`
  }

  role(): string {
    return this.chunk('"delta":{"role":"assistant","content":""}', null, 0, '')
  }

  empty(): string {
    return this.chunk(this.c.chat ? '"delta":{"content":""}' : '"text":""', null, 0, '')
  }

  /** Tokens `from` to `to`, all of one channel; `done` is the number of tokens out, these included. */
  tokens(channel: Channel, from: number, to: number, finish: string | null, extra: string): string {
    let text = extra
    for (let i = from; i < to; i++) text += word(i, this.c.behaviour.text)
    const ids = this.c.tokenIds
      ? `,"token_ids":[${Array.from({ length: to - from }, (_, i) => tokenId(from + i)).join(',')}]`
      : ''
    return this.chunk(this.said(channel, JSON.stringify(text), from), finish, to, ids)
  }

  finish(reason: string): string {
    return this.chunk(this.c.chat ? '"delta":{}' : '"text":""', reason, this.c.tokens, '')
  }

  usage(): string {
    return `${this.head}],"usage":${this.counts(this.c.tokens)}}`
  }

  error(message: string): string {
    return JSON.stringify({ error: { message, type: 'InternalServerError', param: null, code: 500 } })
  }

  /** The answer of a request that does not stream. */
  whole(): string {
    const { c } = this
    const { reasoning_tokens, reasoning_field, tool_tokens } = c.behaviour
    const say = (from: number, to: number) =>
      Array.from({ length: Math.max(0, to - from) }, (_, i) => word(from + i, c.behaviour.text)).join('')
    const ids = c.tokenIds ? { token_ids: Array.from({ length: c.tokens }, (_, i) => tokenId(i)) } : {}
    const common = { index: 0, logprobs: null, finish_reason: c.finishReason, stop_reason: null, ...ids }
    const thought = c.chat ? Math.min(reasoning_tokens, c.tokens) : 0
    const called = c.chat ? Math.min(tool_tokens, c.tokens - thought) : 0
    const message = {
      role: 'assistant',
      content: say(thought, c.tokens - called),
      ...(thought > 0 ? { [reasoning_field]: say(0, thought) } : {}),
      ...(called > 0
        ? {
            tool_calls: [
              {
                id: 'call-0',
                type: 'function',
                function: { name: 'look', arguments: say(c.tokens - called, c.tokens) },
              },
            ],
          }
        : {}),
    }
    return JSON.stringify({
      id: c.id,
      object: c.chat ? 'chat.completion' : 'text_completion',
      created: CREATED,
      model: c.model,
      choices: [c.chat ? { ...common, message } : { ...common, text: say(0, c.tokens) }],
      ...(c.behaviour.usage === 'never' ? {} : { usage: JSON.parse(this.counts(c.tokens)) }),
    })
  }

  private said(channel: Channel, text: string, from: number): string {
    if (!this.c.chat) return `"text":${text}`
    if (channel === 'content') return `"delta":{"content":${text}}`
    if (channel === 'reasoning') return `"delta":{"${this.c.behaviour.reasoning_field}":${text}}`
    const first = from <= this.c.tokens - this.c.behaviour.tool_tokens
    const call = first
      ? '"id":"call-0","type":"function","index":0,"function":{"name":"look",'
      : '"index":0,"function":{'
    return `"delta":{"tool_calls":[{${call}"arguments":${text}}}]}`
  }

  private chunk(said: string, finish: string | null, done: number, ids: string): string {
    const usage = this.c.usage === 'continuous' ? `,"usage":${this.counts(done)}` : ''
    const reason = finish === null ? 'null' : `${JSON.stringify(finish)},"stop_reason":null`
    return `${this.head}{"index":0,${said},"logprobs":null,"finish_reason":${reason}${ids}}]${usage}}`
  }

  private counts(tokens: number): string {
    const { promptTokens, behaviour, chat } = this.c
    const cached =
      behaviour.cached_tokens > 0 ? `,"prompt_tokens_details":{"cached_tokens":${behaviour.cached_tokens}}` : ''
    const thought = chat ? Math.min(behaviour.reasoning_tokens, tokens) : 0
    const reasoning = thought > 0 ? `,"completion_tokens_details":{"reasoning_tokens":${thought}}` : ''
    return `{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens + tokens},"completion_tokens":${tokens}${cached}${reasoning}}`
  }
}
