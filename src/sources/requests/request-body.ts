import type { Endpoint } from './target.ts'

export interface ChatMessage {
  role: string
  content: unknown
}
/** Token ids that are already the text of a JSON array, `[1,2,3]`; goes into the body as it is. */
export interface TokenIdsText {
  readonly tokenIdsJson: string
}
export type Prompt = string | number[] | ChatMessage[] | TokenIdsText

/** Fields requested beyond the API's core; if a server refuses one, it is not sent again. */
const OPTIONAL_FIELDS = ['continuous_usage_stats', 'return_token_ids', 'stream_options', 'max_tokens'] as const
const STREAM_FIELDS: ReadonlySet<string> = new Set(['stream_options', 'continuous_usage_stats'])
export type OptionalField = (typeof OPTIONAL_FIELDS)[number]

export interface BodyPlan {
  prompt: Prompt
  model: string
  maxTokens: number | null
  sampling: Record<string, unknown>
  seed?: number | null
  stream: boolean
}

export interface EncodedBody {
  text: string
  fields: readonly OptionalField[]
}

/** Prompts as token ids go to completions and messages to chat, whatever the target says; text goes where it says. */
export function endpointOf(prompt: Prompt, endpoint: Endpoint): Endpoint {
  if (typeof prompt === 'string') return endpoint
  if (!Array.isArray(prompt)) return 'completions'
  return typeof prompt[0] === 'object' ? 'chat' : 'completions'
}

/** The JSON of a prompt, as a body has it. */
export function promptJson(prompt: Prompt): string {
  return typeof prompt === 'object' && 'tokenIdsJson' in prompt ? prompt.tokenIdsJson : JSON.stringify(prompt)
}

/** Writes the JSON bodies of a run; what is the same from request to request is serialised once. */
export class RequestBodies {
  private readonly wanted: Set<OptionalField>
  private readonly cache = new WeakMap<object, Map<string, EncodedBody>>()
  /** Increases when a server refuses a field: bodies written before must not be sent. */
  version = 0

  constructor(options: { runningUsage: boolean; tokenIds: boolean }) {
    this.wanted = new Set<OptionalField>(['stream_options', 'max_tokens'])
    if (options.runningUsage) this.wanted.add('continuous_usage_stats')
    if (options.tokenIds) this.wanted.add('return_token_ids')
  }

  encode(plan: BodyPlan, endpoint: Endpoint): EncodedBody {
    const constant = this.constantPart(plan, endpoint)
    const own = (plan.seed == null ? '' : `"seed":${plan.seed},`) + this.limitOf(plan)
    const prompt =
      endpoint === 'completions'
        ? `"prompt":${promptJson(plan.prompt)}`
        : `"messages":${promptJson(typeof plan.prompt === 'string' ? [{ role: 'user', content: plan.prompt }] : plan.prompt)}`
    return { text: `${constant.text}${own}${prompt}}`, fields: constant.fields }
  }

  /**
   * Reads a refusal (400, 422) of a request that carried `fields`: the least common field that it names is omitted from
   * now on, and true means that a retry is worthwhile.
   */
  refused(message: string, fields: readonly OptionalField[]): boolean {
    const field = OPTIONAL_FIELDS.find((name) => fields.includes(name) && names(message, name))
    if (field === undefined) return false
    if (this.wanted.delete(field)) this.version++
    if (field === 'stream_options') this.wanted.delete('continuous_usage_stats')
    return true
  }

  private limitOf(plan: BodyPlan): string {
    if (plan.maxTokens === null) return ''
    const name = this.wanted.has('max_tokens') ? 'max_tokens' : 'max_completion_tokens'
    return `"${name}":${plan.maxTokens},`
  }

  private constantPart(plan: BodyPlan, endpoint: Endpoint): EncodedBody {
    const key = `${this.version} ${endpoint} ${plan.stream} ${plan.model}`
    let parts = this.cache.get(plan.sampling)
    if (parts === undefined) {
      parts = new Map()
      this.cache.set(plan.sampling, parts)
    }
    let part = parts.get(key)
    if (part === undefined) {
      part = this.serialise(plan)
      parts.set(key, part)
    }
    return part
  }

  private serialise(plan: BodyPlan): EncodedBody {
    const fields = [...this.wanted].filter((name) => plan.stream || !STREAM_FIELDS.has(name))
    const body: Record<string, unknown> = { model: plan.model, ...plan.sampling, stream: plan.stream }
    if (fields.includes('stream_options')) {
      const running = fields.includes('continuous_usage_stats')
      body.stream_options = { include_usage: true, ...(running ? { continuous_usage_stats: true } : {}) }
    }
    if (fields.includes('return_token_ids')) body.return_token_ids = true
    return { text: `${JSON.stringify(body).slice(0, -1)},`, fields }
  }
}

function names(message: string, field: OptionalField): boolean {
  if (field === 'max_tokens') return message.includes('max_tokens') && message.includes('max_completion_tokens')
  if (field === 'stream_options') return /stream_options|include_usage/.test(message)
  return message.includes(field)
}
