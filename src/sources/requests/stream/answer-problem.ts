import { asObject, type Json } from './json.ts'

/** Keys under which servers put the words of an error, the usual one first. */
const WORDS = ['message', 'error_msg', 'errorMessage', 'msg', 'detail', 'error', 'reason', 'title'] as const
const MOST_DEEP = 4

/**
 * The server's own words where a body or an event is an error, in the shapes that servers send: OpenAI's, vLLM's, TGI's,
 * FastAPI's, LMDeploy's, Gemini's list of one, Baidu's. Null where it is none.
 */
export function problemOf(value: unknown): string | null {
  if (Array.isArray(value)) return value.length > 0 ? problemOf(value[0]) : null
  const body = asObject(value)
  if (body === null) return null
  const own = errorField(body)
  if (own !== null) return own
  if (body.object === 'error') return wordsOf(body) ?? JSON.stringify(body)
  if (Array.isArray(body.choices)) return problemOfChoices(body.choices)
  if (typeof body.detail === 'string' && body.detail !== '') return body.detail
  if (Array.isArray(body.detail)) return body.detail.map(validationMessage).join('; ')
  if (typeof body.error_msg === 'string' && body.error_msg !== '') return body.error_msg
  return typeof body.message === 'string' && body.message !== '' && namesAnError(body) ? body.message : null
}

/** The words of JSON that is known to be an error: the body of an HTTP error. Null where it has none. */
export function errorWords(value: unknown): string | null {
  return problemOf(value) ?? wordsOf(value)
}

/** The words of an event that is known to be an error, be it JSON or not. */
export function eventErrorWords(data: string): string {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {}
  return errorWords(value) ?? (data === '' ? 'an error without words' : data)
}

/** `error`, where it is one: `null`, `false`, 0, empty texts and empty objects are sent beside good answers. */
function errorField(body: Json): string | null {
  const { error } = body
  if (error === undefined || error === null || error === false || error === 0 || error === '') return null
  if (typeof error === 'object' && Object.keys(error).length === 0) return null
  if (error === true || typeof error === 'number') return wordsOf({ ...body, error: undefined }) ?? `error ${error}`
  return wordsOf(error) ?? JSON.stringify(error)
}

/** OpenRouter puts the error into the choice too; some servers say it by the reason alone. */
function problemOfChoices(choices: readonly unknown[]): string | null {
  for (const each of choices) {
    const choice = asObject(each)
    if (choice === null) continue
    const own = errorField(choice)
    if (own !== null) return own
    const reason = reasonText(choice.finish_reason)
    if (reason !== null && isErrorReason(reason)) {
      const said = wordsOf(choice.message) ?? wordsOf(asObject(choice.finish_reason)?.message)
      return `finish_reason ${JSON.stringify(reason)}${said === null ? '' : `: ${said}`}`
    }
  }
  return null
}

/** SGLang's own API gives a reason as an object with a type and the words beside it. */
export function reasonText(value: unknown): string | null {
  const reason = typeof value === 'string' ? value : asObject(value)?.type
  return typeof reason === 'string' ? reason : null
}

/**
 * Reasons that are not the end of an answer: `error` (OpenRouter, LMDeploy), `network_error` (GLM), DeepSeek's word for
 * a server that gave up, and `abort` (vLLM, SGLang, GLM) or `cancelled` (Dynamo), where the engine ended a request that
 * the client did not cancel: it slept, was shut down, scaled down, or rejected the request.
 */
function isErrorReason(reason: string): boolean {
  return /(^|_)error$|^insufficient_system_resource$|^abort(ed)?$|^cancell?ed$/i.test(reason)
}

/** A bare `message` is an error only beside a code, a status or a type that says so. */
function namesAnError(body: Json): boolean {
  const code = body.code ?? body.status ?? body.status_code ?? body.statusCode
  if (typeof code === 'number') return code !== 0 && (code < 200 || code >= 300)
  if (typeof code === 'string' && code !== '') return !/^(0|2\d\d|ok|success)$/i.test(code)
  return typeof body.type === 'string' && /error|exception/i.test(body.type)
}

function wordsOf(value: unknown, deep = 0): string | null {
  if (typeof value === 'string') return value === '' ? null : value
  if (deep > MOST_DEEP) return null
  if (Array.isArray(value)) return value.length === 0 ? null : wordsOf(value[0], deep + 1)
  const body = asObject(value)
  if (body === null) return null
  for (const key of WORDS) {
    const words =
      key === 'detail' && Array.isArray(body.detail) ? body.detail.map(validationMessage).join('; ') : body[key]
    const found = wordsOf(words, deep + 1)
    if (found !== null) return found
  }
  return null
}

function validationMessage(item: unknown): string {
  const entry = asObject(item)
  const where = Array.isArray(entry?.loc) ? `${entry.loc.join('.')}: ` : ''
  return `${where}${typeof entry?.msg === 'string' ? entry.msg : JSON.stringify(item)}`
}
