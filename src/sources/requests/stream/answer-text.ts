import { CHUNK_KINDS } from '../../../trace/tables.ts'
import { asObject, type Json } from './json.ts'

export const KIND = {
  role: CHUNK_KINDS.indexOf('role'),
  content: CHUNK_KINDS.indexOf('content'),
  reasoning: CHUNK_KINDS.indexOf('reasoning'),
  tool: CHUNK_KINDS.indexOf('tool'),
  usage: CHUNK_KINDS.indexOf('usage'),
} as const

/** Text of one kind; `path` is its JSON path, null where it is put together. */
export interface Piece {
  readonly kind: number
  readonly text: string
  readonly path: string | null
  /** The choice that it is of. */
  readonly choice: number
}

/** What a message, or a part of one, says. */
export interface Said {
  readonly pieces: Piece[]
  /** The choice that is read. */
  choice: number
  /** Carries a token whatever its text: a tool call that begins. */
  opensToolCall: boolean
  /** Where it has text in a shape that is not known; null where it has none. */
  unread: string | null
}

/** Names of reasoning, by maker. Several of them at once hold the same text. */
const REASONING = ['reasoning_content', 'reasoning', 'reasoning_text', 'thinking', 'thought'] as const
/** Lists of parts that repeat what is under a name above; read where nothing is. */
const REASONING_PARTS = ['reasoning_details', 'thinking_blocks'] as const
const MESSAGE_FIELDS: ReadonlySet<string> = new Set([
  ...REASONING,
  ...REASONING_PARTS,
  ...['role', 'content', 'refusal', 'tool_calls', 'function_call', 'audio'],
])
/** Texts of a message that no token is in. */
const NO_TEXT =
  /^(name|id|type|object|model|index|created|status|annotations|citations|images|provider_specific_fields)$|signature|encrypted|opaque/
/** Keys of a part that its text is under. */
const TEXT_KEYS = [
  'text',
  'content',
  'thinking',
  'reasoning',
  'summary',
  'refusal',
  'transcript',
  'value',
  'parts',
] as const
/** Where text may be that no supported API names, in a choice or in an event without choices. */
const CARRIERS = [
  'content',
  'text',
  'response',
  'output',
  'output_text',
  'generated_text',
  'completion',
  'answer',
  'delta',
  'token',
  'message',
  'messages',
  'candidates',
  'parts',
  'choices',
] as const
const MOST_DEEP = 6

/** Reads a `delta` or a `message`. */
export function readMessage(message: Json, at: string, said: Said): void {
  const own = () => said.pieces.filter(({ choice }) => choice === said.choice)
  for (const field of REASONING) {
    const text = textOf(message[field])
    // The old name and the new one, or a text and its parts.
    if (own().some((piece) => piece.text === text)) continue
    add(said, KIND.reasoning, text, typeof message[field] === 'string' ? `${at}.${field}` : null)
  }
  for (const field of REASONING_PARTS) {
    if (!own().some(({ kind }) => kind === KIND.reasoning)) add(said, KIND.reasoning, textOf(message[field]), null)
  }
  readContent(message.content, `${at}.content`, said)
  readContent(message.refusal, `${at}.refusal`, said)
  const audio = asObject(message.audio)
  if (audio !== null) readContent(audio.transcript, `${at}.audio.transcript`, said)
  const calls: readonly unknown[] = Array.isArray(message.tool_calls) ? message.tool_calls : [message.tool_calls]
  calls.forEach((call, i) => {
    readCall(asObject(call), `${at}.tool_calls[${i}]`, said)
  })
  readFunction(asObject(message.function_call), `${at}.function_call`, said)
}

/** Text, or a list of parts of which some may be reasoning (Mistral, Anthropic behind gateways). */
export function readContent(content: unknown, at: string, said: Said): void {
  if (typeof content === 'string') add(said, KIND.content, content, at)
  else if (Array.isArray(content)) content.forEach((part, i) => void readPart(part, `${at}[${i}]`, said))
  else if (asObject(content) !== null) readPart(content, at, said)
}

function readPart(value: unknown, at: string, said: Said): void {
  const part = asObject(value)
  const text = textOf(value)
  const thinks =
    part !== null && (/think|reason/i.test(String(part.type)) || textOf(part.thinking ?? part.reasoning) !== '')
  if (text !== '') add(said, thinks ? KIND.reasoning : KIND.content, text, null)
  else if (part !== null) said.unread ??= unknownText(part, new Set(TEXT_KEYS), at)
}

function readCall(call: Json | null, at: string, said: Said): void {
  if (call === null) return
  readFunction(asObject(call.function), `${at}.function`, said)
  const custom = asObject(call.custom)
  if (custom === null) return
  if (typeof custom.name === 'string' && custom.name !== '') said.opensToolCall = true
  add(said, KIND.tool, textOf(custom.input), `${at}.custom.input`)
}

function readFunction(fn: Json | null, at: string, said: Said): void {
  if (fn === null) return
  if (typeof fn.name === 'string' && fn.name !== '') said.opensToolCall = true
  const args = fn.arguments
  if (typeof args === 'string') add(said, KIND.tool, args, `${at}.arguments`)
  else if (asObject(args) !== null) add(said, KIND.tool, JSON.stringify(args), null)
}

/** Searches for text in a part from which nothing was read: `delta` or `message`, and the choice around it. */
export function lookForText(choice: Json, at: string, said: Said): void {
  for (const name of ['delta', 'message']) {
    const message = asObject(choice[name])
    if (message !== null) said.unread ??= unknownText(message, MESSAGE_FIELDS, `${at}.${name}`)
  }
  said.unread ??= carriedText(choice, at)
}

/** The path of text under a name that usually holds some; null where there is none. */
export function carriedText(body: Json, at: string): string | null {
  for (const key of CARRIERS) {
    const value = body[key]
    // A message and a delta were looked through by name.
    if ((key === 'message' || key === 'delta') && asObject(value) !== null && Object.hasOwn(body, 'index')) continue
    if (textOf(value) !== '') return at === '' ? key : `${at}.${key}`
  }
  return null
}

function unknownText(body: Json, known: ReadonlySet<string>, at: string): string | null {
  for (const [key, value] of Object.entries(body)) {
    if (!known.has(key) && !NO_TEXT.test(key) && textOf(value) !== '') return `${at}.${key}`
  }
  return null
}

/** All text of a text, of a list of parts, or of a part. */
function textOf(value: unknown, deep = 0): string {
  if (typeof value === 'string') return value
  if (deep > MOST_DEEP || typeof value !== 'object' || value === null) return ''
  if (Array.isArray(value)) return value.map((part) => textOf(part, deep + 1)).join('')
  for (const key of TEXT_KEYS) {
    const text = textOf((value as Json)[key], deep + 1)
    if (text !== '') return text
  }
  return ''
}

function add(said: Said, kind: number, text: string, path: string | null): void {
  if (text !== '') said.pieces.push({ kind, text, path, choice: said.choice })
}
