import { z } from 'zod'
import { LayerlineError } from '../base/errors.ts'
import { STAGES } from '../trace/tables.ts'

export type Stage = (typeof STAGES)[number]

export interface ChatMessage {
  role: string
  content: string
}

/** One prompt of a file, as every format hands it over. */
export interface PromptRow {
  /** Its `id`, `prompt_id`, `iteration` or `topic`, else its row number in the file, from 0. Not necessarily unique. */
  id: string
  /** As the row says; what it counts is `requestedUnit`. */
  size: number | null
  requestedUnit: 'tokens' | 'words' | null
  stage: Stage | null
  /** Text, a conversation, or token ids. Never empty. */
  prompt: string | ChatMessage[] | number[]
  /** The output limit that the row asks for, tokens. */
  maxTokens: number | null
  /** Columns or keys without a known meaning, as text. */
  attrs: Record<string, string> | null
  /** The line of the file it begins in, from 1. */
  line: number
}

/** What a column or key means; the first name that a row has wins, the others stay in `attrs`. */
export const COLUMNS = {
  id: ['id', 'prompt_id', 'iteration', 'topic'],
  size: ['size'],
  unit: ['unit', 'requested_unit'],
  stage: ['stage'],
  maxTokens: ['max_tokens', 'max_completion_tokens', 'output_tokens'],
  prompt: ['prompt'],
  messages: ['messages'],
} as const
type Column = keyof typeof COLUMNS

const NUMERIC_TEXT = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
/** CSV has only text: numbers may come as text everywhere. */
const numeric = z.preprocess(
  (value) => (typeof value === 'string' && NUMERIC_TEXT.test(value.trim()) ? Number(value) : value),
  z.number(),
)
const lowerCase = z.string().transform((text) => text.trim().toLowerCase())
const SCHEMAS = {
  id: z.union([z.string(), z.number().transform(String)], 'expected text or a number'),
  size: numeric.pipe(z.number().nonnegative()),
  unit: lowerCase.pipe(z.enum(['tokens', 'words'])),
  stage: lowerCase.pipe(z.enum(STAGES)),
  maxTokens: numeric.pipe(z.number().int().positive()),
  prompt: z.union(
    [z.string().min(1), z.array(z.number().int().nonnegative()).min(1)],
    'expected text or an array of token ids, not empty',
  ),
  messages: z.array(z.strictObject({ role: z.string(), content: z.string() })).min(1),
}

/** A row of `values`, by lower-case name. Missing, empty and null are the same. Throws `input/prompt` with file and line. */
export function promptRow(
  values: ReadonlyMap<string, unknown>,
  rowNumber: number,
  line: number,
  path: string,
): PromptRow {
  const used = new Set<string>()
  const take = <C extends Column>(column: C): z.infer<(typeof SCHEMAS)[C]> | null => {
    const name = COLUMNS[column].find((candidate) => !isMissing(values.get(candidate)))
    if (name === undefined) return null
    used.add(name)
    const parsed = SCHEMAS[column].safeParse(values.get(name))
    if (parsed.success) return parsed.data as z.infer<(typeof SCHEMAS)[C]>
    const issue = parsed.error.issues[0]
    const where = [name, ...(issue?.path ?? [])].join('.')
    throw bad(`${where}: ${lowerFirst(issue?.message ?? 'not valid')}, found ${excerpt(values.get(name))}`)
  }
  const bad = (what: string): LayerlineError => new LayerlineError('input/prompt', `${path}:${line}: ${what}`)

  const text = take('prompt')
  const messages = take('messages')
  if (text !== null && messages !== null) throw bad('both `prompt` and `messages`; expected one of them')
  const prompt = text ?? messages
  if (prompt === null) {
    throw values.has('prompt') || values.has('messages')
      ? bad('the prompt is empty')
      : bad(`no \`prompt\` and no \`messages\`; found ${[...values.keys()].join(', ') || 'nothing'}`)
  }
  const row = {
    id: take('id') ?? String(rowNumber),
    size: take('size'),
    requestedUnit: take('unit'),
    stage: take('stage'),
    prompt,
    maxTokens: take('maxTokens'),
  }
  const extra = [...values].filter(([name, value]) => !used.has(name) && !isMissing(value))
  const attrs = Object.fromEntries(
    extra.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  )
  return { ...row, attrs: extra.length === 0 ? null : attrs, line }
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`
}
