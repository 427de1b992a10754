import { CHUNK_KINDS } from '../../../trace/tables.ts'

export const KIND = {
  role: CHUNK_KINDS.indexOf('role'),
  content: CHUNK_KINDS.indexOf('content'),
  reasoning: CHUNK_KINDS.indexOf('reasoning'),
  tool: CHUNK_KINDS.indexOf('tool'),
  usage: CHUNK_KINDS.indexOf('usage'),
} as const

export interface Usage {
  inputTokens: number | null
  outputTokens: number | null
  cachedTokens: number | null
  reasoningTokens: number | null
}

/** What one event, or one whole answer, of the completions APIs says. */
export interface AnswerEvent {
  /** Code of CHUNK_KINDS: what its text is; without text `usage` where it has no choices, else `role`. */
  kind: number
  text: string
  /** The JSON path of that text, or null where there is none, or several. */
  textPath: string | null
  /** Carries a token whatever its text: a tool call that begins. */
  opensToolCall: boolean
  hasChoices: boolean
  finishReason: string | null
  usage: Usage | null
  tokenIds: number[] | null
  id: string | null
  /** The server's own message, where it sent an error in place of an answer. */
  error: string | null
}

type Json = Record<string, unknown>

/** Reads the JSON of an event or body; null where it is no object. */
export function readAnswer(value: unknown): AnswerEvent | null {
  const body = asObject(value)
  if (body === null) return null
  const answer: AnswerEvent = {
    kind: KIND.role,
    text: '',
    textPath: null,
    opensToolCall: false,
    hasChoices: false,
    finishReason: null,
    usage: readUsage(body.usage),
    tokenIds: null,
    id: typeof body.id === 'string' ? body.id : null,
    error: errorMessage(body),
  }
  const choices: unknown[] = Array.isArray(body.choices) ? body.choices : []
  answer.hasChoices = Array.isArray(body.choices)
  choices.forEach((choice, i) => {
    readChoice(asObject(choice), `choices[${i}]`, answer)
  })
  if (choices.length === 0 && answer.usage !== null) answer.kind = KIND.usage
  return answer
}

function readChoice(choice: Json | null, path: string, answer: AnswerEvent): void {
  if (choice === null) return
  if (typeof choice.finish_reason === 'string') answer.finishReason = choice.finish_reason
  if (Array.isArray(choice.token_ids)) {
    answer.tokenIds = [...(answer.tokenIds ?? []), ...choice.token_ids.filter((id) => typeof id === 'number')]
  }
  addText(answer, KIND.content, choice.text, `${path}.text`)
  const name = asObject(choice.delta) === null ? 'message' : 'delta'
  const message = asObject(choice[name])
  if (message === null) return
  const at = `${path}.${name}`
  for (const field of ['reasoning_content', 'reasoning']) {
    // Some servers send the same text under both names, the old one and the new one.
    if (field === 'reasoning' && message.reasoning === message.reasoning_content) continue
    addText(answer, KIND.reasoning, message[field], `${at}.${field}`)
  }
  addText(answer, KIND.content, message.content, `${at}.content`)
  addText(answer, KIND.content, message.refusal, `${at}.refusal`)
  const calls: unknown[] = Array.isArray(message.tool_calls) ? message.tool_calls : []
  calls.forEach((call, i) => {
    const fn = asObject(asObject(call)?.function)
    addText(answer, KIND.tool, fn?.arguments, `${at}.tool_calls[${i}].function.arguments`)
    if (typeof fn?.name === 'string' && fn.name !== '') {
      answer.opensToolCall = true
      if (answer.kind === KIND.role) answer.kind = KIND.tool
    }
  })
}

function addText(answer: AnswerEvent, kind: number, text: unknown, path: string): void {
  if (typeof text !== 'string' || text === '') return
  answer.textPath = answer.text === '' ? path : null
  answer.kind = kind
  answer.text += text
}

function readUsage(value: unknown): Usage | null {
  const usage = asObject(value)
  if (usage === null) return null
  return {
    inputTokens: asCount(usage.prompt_tokens),
    outputTokens: asCount(usage.completion_tokens),
    cachedTokens: asCount(asObject(usage.prompt_tokens_details)?.cached_tokens),
    reasoningTokens: asCount(asObject(usage.completion_tokens_details)?.reasoning_tokens),
  }
}

/** The message of an error body in the shapes that servers send: OpenAI's, vLLM's, FastAPI's. */
export function errorMessage(body: Json): string | null {
  const error = body.error
  if (typeof error === 'string' && error !== '') return error
  const inner = asObject(error)
  if (inner !== null) return typeof inner.message === 'string' ? inner.message : JSON.stringify(inner)
  if (body.object === 'error' && typeof body.message === 'string') return body.message
  if (Array.isArray(body.choices)) return null
  if (typeof body.detail === 'string') return body.detail
  if (Array.isArray(body.detail)) return body.detail.map(validationMessage).join('; ')
  return null
}

function validationMessage(item: unknown): string {
  const entry = asObject(item)
  const where = Array.isArray(entry?.loc) ? `${entry.loc.join('.')}: ` : ''
  return `${where}${typeof entry?.msg === 'string' ? entry.msg : JSON.stringify(item)}`
}

function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null
}

function asCount(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 && value < 0xffffffff ? Math.floor(value) : null
}
