import { z } from 'zod'
import { type Behaviour, mergeBehaviour } from './behaviour.ts'
import type { HttpRequest } from './http-request.ts'
import { tokenize } from './words.ts'

const bodySchema = z.looseObject({
  model: z.string().optional(),
  prompt: z.unknown().optional(),
  messages: z.unknown().optional(),
  max_tokens: z.number().int().nullish(),
  max_completion_tokens: z.number().int().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  return_token_ids: z.boolean().nullish(),
  paced: z.unknown().optional(),
})

/** What is to be answered: the request understood, its behaviour settled. */
export interface Completion {
  readonly id: string
  readonly chat: boolean
  readonly model: string
  readonly stream: boolean
  readonly promptTokens: number
  readonly tokens: number
  readonly finishReason: string
  readonly usage: 'never' | 'last' | 'continuous'
  readonly tokenIds: boolean
  readonly behaviour: Behaviour
}

/** Reads a completion request; throws a ZodError or SyntaxError for a body that is not one. */
export function readCompletion(request: HttpRequest, chat: boolean, defaults: unknown): Completion {
  const body = bodySchema.parse(JSON.parse(request.body.toString('utf8')))
  const behaviour = mergeBehaviour(...behaviourLayers(request, defaults), body.paced)
  const limit = body.max_completion_tokens ?? body.max_tokens ?? 16
  const tokens = behaviour.tokens ?? limit
  const asked = body.stream_options?.continuous_usage_stats
    ? 'continuous'
    : body.stream_options?.include_usage
      ? 'last'
      : 'never'
  const tool = chat && behaviour.tool_tokens > 0
  return {
    id: `${chat ? 'chatcmpl' : 'cmpl'}-${request.headers.get('x-request-id') ?? `${request.connection}-${request.nth}`}`,
    chat,
    model: body.model ?? '',
    stream: body.stream === true,
    promptTokens: behaviour.prompt_tokens ?? promptTokens(chat ? body.messages : body.prompt),
    tokens,
    finishReason: behaviour.finish_reason ?? (tool ? 'tool_calls' : tokens < limit ? 'stop' : 'length'),
    usage: behaviour.usage === 'as_asked' ? asked : behaviour.usage,
    tokenIds:
      behaviour.token_ids === 'always' || (behaviour.token_ids === 'as_asked' && body.return_token_ids === true),
    behaviour,
  }
}

/** What is known of the behaviour before the body is read. */
export function behaviourLayers(request: Pick<HttpRequest, 'headers' | 'query'>, defaults: unknown): unknown[] {
  const header = request.headers.get('x-paced')
  const query = request.query.get('paced')
  return [defaults, header === undefined ? null : JSON.parse(header), query === null ? null : JSON.parse(query)]
}

/** Words of a prompt or of messages; ids count as they are. */
function promptTokens(prompt: unknown): number {
  if (typeof prompt === 'string') return tokenize(prompt).length
  if (typeof prompt === 'number') return 1
  if (Array.isArray(prompt)) return prompt.reduce((sum: number, part) => sum + promptTokens(part), 0)
  if (typeof prompt !== 'object' || prompt === null) return 0
  const part = prompt as { content?: unknown; text?: unknown }
  return promptTokens(part.content ?? part.text)
}
