import { z } from 'zod'
import { ApiError } from './api-error.ts'

const tokenIds = z.array(z.int().min(0))

/**
 * Fields that change the answer in a way that this engine does not support: refused, because ignoring them would give
 * wrong answers.
 */
const REFUSED: Record<string, (value: unknown) => boolean> = {
  n: (value) => value !== 1,
  best_of: (value) => value !== 1,
  logprobs: (value) => value !== false,
  top_logprobs: (value) => value !== 0,
  prompt_logprobs: () => true,
  echo: (value) => value !== false,
  suffix: (value) => value !== '',
  logit_bias: (value) => typeof value !== 'object' || Object.keys(value as object).length > 0,
  tools: (value) => !Array.isArray(value) || value.length > 0,
  functions: (value) => !Array.isArray(value) || value.length > 0,
  response_format: (value) => (value as { type?: unknown }).type !== 'text',
}

const shared = {
  model: z.string().nullish(),
  max_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(64)], 'expected a text or a list of at most 64').nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  return_token_ids: z.boolean().nullish(),
  ignore_eos: z.boolean().nullish(),
}

const messages = z
  .array(
    z.object({
      role: z.string(),
      content: z
        .union(
          [z.string(), z.array(z.object({ type: z.literal('text'), text: z.string() }))],
          'expected a text or parts of type text',
        )
        .nullish()
        .transform((content) =>
          Array.isArray(content) ? content.map((part) => part.text).join('\n') : (content ?? ''),
        ),
    }),
  )
  .min(1)

const completion = z.object({
  ...shared,
  prompt: z.union([z.string(), tokenIds, z.array(z.string()), z.array(tokenIds)]),
})
const chat = z.object({
  ...shared,
  messages,
  max_completion_tokens: z.int().min(1).nullish(),
  add_generation_prompt: z.boolean().nullish(),
})
const tokenizeBody = z.object({
  model: z.string().nullish(),
  prompt: z.string().optional(),
  messages: messages.optional(),
  add_special_tokens: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
})
const detokenizeBody = z.object({ model: z.string().nullish(), tokens: tokenIds })

export type CompletionBody = Omit<z.infer<typeof completion>, 'prompt'> & { prompt: string | number[] }
export type ChatBody = z.infer<typeof chat>
export type GenerationBody = CompletionBody | ChatBody
export type TokenizeBody = z.infer<typeof tokenizeBody>
export type DetokenizeBody = z.infer<typeof detokenizeBody>

/** The body of POST /v1/completions; throws an ApiError 400. */
export function parseCompletion(body: unknown): CompletionBody {
  refuseUnsupported(body)
  const parsed = parse(completion, body)
  const { prompt } = parsed
  if (typeof prompt === 'string') return { ...parsed, prompt }
  const [first] = prompt
  if (first === undefined || typeof first === 'number') return { ...parsed, prompt: prompt as number[] }
  if (prompt.length > 1) {
    throw new ApiError(400, `prompt: ${prompt.length} prompts in one request; this server takes one.`, {
      param: 'prompt',
    })
  }
  return { ...parsed, prompt: first }
}

/** The body of POST /v1/chat/completions; throws an ApiError 400. */
export function parseChat(body: unknown): ChatBody {
  refuseUnsupported(body)
  return parse(chat, body)
}

/** The body of POST /tokenize; throws an ApiError 400. */
export function parseTokenize(body: unknown): TokenizeBody {
  const parsed = parse(tokenizeBody, body)
  if ((parsed.prompt === undefined) === (parsed.messages === undefined)) {
    throw new ApiError(400, 'Expected either prompt or messages.', { param: 'prompt' })
  }
  return parsed
}

/** The body of POST /detokenize; throws an ApiError 400. */
export function parseDetokenize(body: unknown): DetokenizeBody {
  return parse(detokenizeBody, body)
}

function refuseUnsupported(body: unknown): void {
  if (typeof body !== 'object' || body === null) return
  for (const [field, refuses] of Object.entries(REFUSED)) {
    const value = (body as Record<string, unknown>)[field]
    if (value === undefined || value === null || !refuses(value)) continue
    const given = JSON.stringify(value).slice(0, 60)
    throw new ApiError(400, `${field}: ${given} is not supported by this server; omit it.`, {
      param: field,
      code: 'unsupported_parameter',
    })
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const path = issue?.path.join('.') ?? ''
  const said = issue?.message ?? 'not what was expected'
  throw new ApiError(400, path === '' ? `The body: ${said}` : `${path}: ${said}`, {
    ...(issue?.path[0] !== undefined && { param: String(issue.path[0]) }),
  })
}
