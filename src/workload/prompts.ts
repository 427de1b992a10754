import { createReadStream } from 'node:fs'
import { errorText, LayerlineError } from '../base/errors.ts'
import { CsvParser } from './csv.ts'
import { jsonRecords } from './jsonl.ts'
import { findPromptFile } from './prompt-file.ts'
import { COLUMNS, type PromptRow, promptRow, type Stage } from './prompt-row.ts'
import { utf8Pieces } from './utf8-text.ts'

export type { ChatMessage, PromptRow, Stage } from './prompt-row.ts'

export interface PromptOptions {
  /** Where a relative name that is not found is looked up too. */
  promptDir?: string
  /** Only rows of these sizes, in the order of the file. */
  sizes?: readonly number[]
  /** The stage of rows that do not say. */
  stage?: Stage
}

/**
 * Rows of a prompt file: CSV with a header (`size,…,prompt`) or JSONL, distinguished by the first character that is not
 * blank. Streamed: memory does not grow with the file. Errors carry the file and the line. A size that no row has is
 * also an error, after the last row.
 */
export async function* readPrompts(path: string, options: PromptOptions = {}): AsyncGenerator<PromptRow> {
  const file = await findPromptFile(path, options.promptDir)
  yield* selected(parsePrompts(fileBytes(file), file), options, file)
}

/** All rows are kept for the length of a run. */
const MOST_ROWS = 5_000_000
const MOST_CHARACTERS = 1_000_000_000

/** All selected rows of a prompt file: what a run that repeats them needs. Errors come before any row is used. */
export async function loadPrompts(path: string, options: PromptOptions = {}): Promise<PromptRow[]> {
  const rows: PromptRow[] = []
  let characters = 0
  for await (const row of readPrompts(path, options)) {
    rows.push(row)
    characters += typeof row.prompt === 'string' ? row.prompt.length : JSON.stringify(row.prompt).length
    if (rows.length > MOST_ROWS || characters > MOST_CHARACTERS) {
      const most = `${MOST_ROWS / 1e6} million rows and ${MOST_CHARACTERS / 1e6} million characters`
      throw new LayerlineError('input/prompts-large', `${path}:${row.line}: more than ${most}, which is what is kept`, {
        hint: 'send a part of it: --sizes, or a shorter file',
      })
    }
  }
  return rows
}

/** Rows from bytes; `path` is for error messages. */
export async function* parsePrompts(bytes: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<PromptRow> {
  const pieces = utf8Pieces(bytes, path)
  let head = ''
  for (;;) {
    const piece = await pieces.next()
    if (piece.done) {
      throw new LayerlineError('input/prompts-empty', `${path}: the file is empty; expected a CSV or JSONL of prompts`)
    }
    head += piece.value
    if (head.trim() !== '') break
    // A file of blanks is read to its end without being kept; only its line ends count for the lines named later.
    head = head.replaceAll(/[^\r\n]/g, '')
  }
  const all = prepend(head, pieces)
  const rows = head.trimStart().startsWith('{') ? jsonRows(all, path) : csvRows(all, path)
  let count = 0
  for await (const row of rows) {
    count++
    yield row
  }
  if (count === 0) throw new LayerlineError('input/prompts-empty', `${path}: a header and no rows; nothing to send`)
}

async function* jsonRows(pieces: AsyncIterable<string>, path: string): AsyncGenerator<PromptRow> {
  let rowNumber = 0
  for await (const { object, line } of jsonRecords(pieces, path)) {
    const values = new Map(Object.entries(object).map(([name, value]) => [name.toLowerCase(), value]))
    yield promptRow(values, rowNumber++, line, path)
  }
}

async function* csvRows(pieces: AsyncIterable<string>, path: string): AsyncGenerator<PromptRow> {
  const parser = new CsvParser(path)
  let header: string[] | null = null
  let rowNumber = 0
  for await (const { fields, line } of records(parser, pieces)) {
    if (header === null) {
      header = headerNames(fields, line, path)
      continue
    }
    if (fields.length !== header.length) {
      throw new LayerlineError(
        'input/csv-fields',
        `${path}:${line}: ${fields.length} fields, but the header has ${header.length} (${header.join(', ')})`,
        { hint: 'put a prompt that holds commas, quotes or newlines in double quotes' },
      )
    }
    yield promptRow(new Map(header.map((name, i) => [name, fields[i]])), rowNumber++, line, path)
  }
}

async function* records(parser: CsvParser, pieces: AsyncIterable<string>) {
  for await (const piece of pieces) yield* parser.push(piece)
  const last = parser.end()
  if (last !== null) yield last
}

/** Lower-case names; a column without one (a data frame's index) is called by its number. */
function headerNames(fields: string[], line: number, path: string): string[] {
  const names = fields.map((field, i) => field.trim().toLowerCase() || `column_${i + 1}`)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) {
    throw new LayerlineError('input/csv-column', `${path}:${line}:1: two columns named \`${twice}\``)
  }
  if (names.includes('prompt')) return names
  const optional = Object.entries(COLUMNS).flatMap(([key, known]) => (key === 'messages' ? [] : known))
  throw new LayerlineError(
    'input/csv-column',
    `${path}:${line}:1: no column \`prompt\`; found ${fields.map(shorten).join(', ')}; ` +
      `expected \`prompt\` and, if there, ${optional.filter((name) => name !== 'prompt').join(', ')}`,
    { hint: headerHint(fields) },
  )
}

function headerHint(fields: string[]): string {
  const only = fields.length === 1 ? (fields[0] ?? '') : ''
  if (/[;\t|]/.test(only)) return 'columns are separated by commas'
  if (only.trimStart().startsWith('[')) return 'a JSON array is not read: write one JSON object a line'
  return 'the first line must name the columns, as in `size,prompt`'
}

function shorten(name: string): string {
  return name.length <= 40 ? `\`${name}\`` : `\`${name.slice(0, 39)}…\``
}

async function* selected(rows: AsyncIterable<PromptRow>, options: PromptOptions, path: string) {
  const wanted = options.sizes && new Set(options.sizes)
  const seen = new Set<number>()
  for await (const row of rows) {
    if (row.size !== null && (seen.size < 1000 || wanted?.has(row.size))) seen.add(row.size)
    if (wanted && (row.size === null || !wanted.has(row.size))) continue
    yield row.stage === null && options.stage !== undefined ? { ...row, stage: options.stage } : row
  }
  const absent = [...(wanted ?? [])].filter((size) => !seen.has(size))
  if (absent.length === 0) return
  const there = [...seen].sort((a, b) => a - b)
  throw new LayerlineError(
    'input/sizes',
    `${path}: no row of size ${absent.join(', ')}; ` +
      (there.length === 0 ? 'its rows have no size' : `sizes there: ${there.slice(0, 50).join(', ')}`),
  )
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 })
  } catch (cause) {
    if (cause instanceof LayerlineError) throw cause
    throw new LayerlineError('input/prompts-unreadable', `${path}: ${errorText(cause)}`, { cause })
  }
}

async function* prepend(head: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield head
  yield* rest
}
