import { problemOf, reasonText } from './answer-problem.ts'
import { carriedText, KIND, lookForText, type Piece, readContent, readMessage, type Said } from './answer-text.ts'
import { asObject, type Json } from './json.ts'

export { KIND } from './answer-text.ts'

export interface Usage {
  inputTokens: number | null
  outputTokens: number | null
  cachedTokens: number | null
  reasoningTokens: number | null
}

export interface ChoiceIds {
  readonly choice: number
  readonly ids: number[]
}

/** What one event, or one whole answer, of the completions APIs says. */
export interface AnswerEvent {
  /**
   * Code of CHUNK_KINDS: the kind of its text, the last if there are several; without text `usage` if it has no
   * choices, else `role`.
   */
  kind: number
  /** All its text, in order, whatever its kind. */
  text: string
  pieces: readonly Piece[]
  /** The JSON path of that text, or null where there is none, or several. */
  textPath: string | null
  /** Carries a token whatever its text: a tool call that begins. */
  opensToolCall: boolean
  hasChoices: boolean
  /** Choices, one bit each: those present, those with text, and those that finished. */
  choices: number
  spoke: number
  finished: number
  finishReason: string | null
  usage: Usage | null
  /** Token ids by choice; null where it has none. */
  tokenIds: ChoiceIds[] | null
  id: string | null
  /** The server's own message, where it sent an error in place of an answer. */
  error: string | null
  /** The JSON path of text in an unknown shape; null if there is none. */
  unread: string | null
}

/** Reads the JSON of an event or body; null where it is no object. */
export function readAnswer(value: unknown): AnswerEvent | null {
  // Gemini wraps what goes wrong into a list.
  const body = asObject(Array.isArray(value) && value.length === 1 ? value[0] : value)
  if (body === null) return null
  const answer: AnswerEvent = {
    kind: KIND.role,
    text: '',
    pieces: [],
    textPath: null,
    opensToolCall: false,
    hasChoices: Array.isArray(body.choices),
    choices: 0,
    spoke: 0,
    finished: 0,
    finishReason: null,
    // Groq and Moonshot have places of their own for it.
    usage: readUsage(body.usage) ?? readUsage(asObject(body.x_groq)?.usage),
    tokenIds: null,
    id: typeof body.id === 'string' ? body.id : null,
    error: problemOf(body),
    unread: null,
  }
  if (answer.error !== null) return answer
  const choices: readonly unknown[] = Array.isArray(body.choices) ? body.choices : []
  const said: Said = { pieces: [], choice: 0, opensToolCall: false, unread: null }
  choices.forEach((choice, i) => {
    readChoice(asObject(choice), i, answer, said)
  })
  if (choices.length > 0) {
    if (said.pieces.length === 0 && !said.opensToolCall) said.unread ??= carriedText({ choices }, '')
  } else {
    if (answer.usage !== null) answer.kind = KIND.usage
    said.unread = carriedText(body, '')
  }
  return withText(answer, said)
}

function withText(answer: AnswerEvent, said: Said): AnswerEvent {
  const { pieces } = said
  answer.pieces = pieces
  answer.opensToolCall = said.opensToolCall
  if (pieces.length > 0) {
    answer.text = pieces.length === 1 ? (pieces[0] as Piece).text : pieces.map(({ text }) => text).join('')
    answer.textPath = pieces.length === 1 ? (pieces[0] as Piece).path : null
    answer.kind = (pieces[pieces.length - 1] as Piece).kind
  } else if (said.opensToolCall) answer.kind = KIND.tool
  answer.unread = said.unread
  return answer
}

function readChoice(choice: Json | null, i: number, answer: AnswerEvent, said: Said): void {
  if (choice === null) return
  const at = `choices[${i}]`
  said.choice = typeof choice.index === 'number' ? choice.index : i
  const bit = 1 << (said.choice & 31)
  answer.choices |= bit
  const reason = finishReasonOf(choice.finish_reason)
  if (reason !== null) {
    answer.finishReason = reason
    answer.finished |= bit
  }
  answer.usage ??= readUsage(choice.usage)
  if (Array.isArray(choice.token_ids)) {
    answer.tokenIds ??= []
    answer.tokenIds.push({ choice: said.choice, ids: choice.token_ids.filter((id) => typeof id === 'number') })
  }
  const before = said.pieces.length
  const opened = said.opensToolCall
  said.opensToolCall = false
  readContent(choice.text, `${at}.text`, said)
  const name = asObject(choice.delta) === null ? 'message' : 'delta'
  const message = asObject(choice[name])
  if (message !== null) readMessage(message, `${at}.${name}`, said)
  if (said.pieces.length > before || said.opensToolCall) answer.spoke |= bit
  else lookForText(choice, at, said)
  said.opensToolCall ||= opened
}

/** An empty text counts as none, and so does the word `null` (DashScope). */
function finishReasonOf(value: unknown): string | null {
  const reason = reasonText(value)
  return reason !== null && !/^\s*(null|none)?\s*$/i.test(reason) ? reason : null
}

function readUsage(value: unknown): Usage | null {
  const usage = asObject(value)
  if (usage === null) return null
  const details = asObject(usage.prompt_tokens_details ?? usage.input_tokens_details)
  const made = asObject(usage.completion_tokens_details ?? usage.output_tokens_details)
  return {
    inputTokens: asCount(usage.prompt_tokens ?? usage.input_tokens),
    outputTokens: asCount(usage.completion_tokens ?? usage.output_tokens),
    cachedTokens: asCount(details?.cached_tokens),
    reasoningTokens: asCount(made?.reasoning_tokens),
  }
}

function asCount(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 && value < 0xffffffff ? Math.floor(value) : null
}
