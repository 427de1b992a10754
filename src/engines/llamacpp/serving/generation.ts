import type { EngineModel } from './engine-model.ts'
import { ApiError } from './http/api-error.ts'
import {
  type ChatBody,
  type CompletionBody,
  type GenerationBody,
  parseChat,
  parseCompletion,
} from './http/request-schema.ts'
import type { SamplingOptions } from './llama-library.ts'

export type Endpoint = 'chat' | 'completions'

/** A checked request, ready to decode. */
export interface Generation {
  endpoint: Endpoint
  promptTokens: number[]
  maxTokens: number
  sampling: SamplingOptions
  stops: string[]
  stream: boolean
  includeUsage: boolean
  continuousUsage: boolean
  returnTokenIds: boolean
}

const COMPLETION_MAX_TOKENS = 16
const NO_SEED = 0xffff_ffff

/** Reads a body of POST /v1/completions or /v1/chat/completions; throws ApiErrors 400 and 404. */
export function readGeneration(endpoint: Endpoint, body: unknown, model: EngineModel, name: string): Generation {
  const parsed = endpoint === 'chat' ? parseChat(body) : parseCompletion(body)
  checkModel(parsed.model, name)
  const promptTokens = 'messages' in parsed ? chatTokens(parsed, model) : completionTokens(parsed, model)
  const { stream_options: streamOptions, stop } = parsed
  const stream = parsed.stream ?? false
  const includeUsage = stream && (streamOptions?.include_usage ?? false)
  return {
    endpoint,
    promptTokens,
    maxTokens: readMaxTokens(parsed, promptTokens.length, model.maxModelLen),
    sampling: readSampling(parsed, model),
    stops: typeof stop === 'string' ? [stop] : (stop ?? []),
    stream,
    includeUsage,
    continuousUsage: includeUsage && (streamOptions?.continuous_usage_stats ?? false),
    returnTokenIds: parsed.return_token_ids ?? false,
  }
}

/** Throws 404 when a request names another model than the one that is served. */
export function checkModel(asked: string | null | undefined, name: string): void {
  if (asked === undefined || asked === null || asked === name) return
  throw new ApiError(404, `The model ${JSON.stringify(asked)} does not exist; this server has ${name}.`, {
    param: 'model',
    code: 'model_not_found',
  })
}

/** The conversation as the model's chat template writes it; throws 400 where there is none or it refuses. */
export function renderMessages(body: Pick<ChatBody, 'messages' | 'add_generation_prompt'>, model: EngineModel): string {
  if (model.renderChat === undefined) {
    throw new ApiError(400, 'This model has no chat template; use /v1/completions.', { param: 'messages' })
  }
  try {
    return model.renderChat(body.messages, body.add_generation_prompt ?? true)
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    throw new ApiError(400, `messages: the model's chat template refuses them: ${said}`, { param: 'messages' })
  }
}

function chatTokens(body: ChatBody, model: EngineModel): number[] {
  return model.tokenize(renderMessages(body, model), false)
}

function completionTokens({ prompt }: CompletionBody, model: EngineModel): number[] {
  if (typeof prompt === 'string') return model.tokenize(prompt, true)
  const unknown = prompt.find((token) => token >= model.vocabulary)
  if (unknown === undefined) return prompt
  throw new ApiError(400, `prompt: ${unknown} is no token of this model; it has ${model.vocabulary}.`, {
    param: 'prompt',
  })
}

function readMaxTokens(body: GenerationBody, promptTokens: number, limit: number): number {
  const param = 'messages' in body ? 'messages' : 'prompt'
  if (promptTokens === 0)
    throw new ApiError(400, `${param}: the prompt has no tokens; expected at least one.`, { param })
  const room = limit - promptTokens
  const asked = ('max_completion_tokens' in body ? body.max_completion_tokens : undefined) ?? body.max_tokens
  if (room < 1 || (asked ?? 1) > room) {
    const wanted = asked ? ` and max_tokens is ${asked}` : ''
    throw new ApiError(
      400,
      `This model's maximum context length is ${limit} tokens; the prompt has ${promptTokens}${wanted}.`,
      {
        param,
        code: 'context_length_exceeded',
      },
    )
  }
  return asked ?? (param === 'messages' ? room : Math.min(COMPLETION_MAX_TOKENS, room))
}

function readSampling(body: GenerationBody, model: EngineModel): SamplingOptions {
  const seed = body.seed ?? Math.floor(Math.random() * NO_SEED)
  // The engine takes 32 bits, and treats the highest number as "random".
  const folded = Number(BigInt.asUintN(32, BigInt(seed)))
  return {
    temperature: body.temperature ?? 1,
    topP: body.top_p === 1 ? null : (body.top_p ?? null),
    topK: (body.top_k ?? 0) > 0 ? (body.top_k ?? null) : null,
    minP: body.min_p || null,
    seed: folded === NO_SEED ? 0 : folded,
    ...(body.ignore_eos && { tokenBias: model.neverEnd() }),
  }
}
