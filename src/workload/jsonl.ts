import { LayerlineError } from '../base/errors.ts'
import { jsonErrorAt } from './json-place.ts'

/** One line's object; `line` from 1. */
export interface JsonRecord {
  object: Record<string, unknown>
  line: number
}

/** Past this a line is refused rather than held in memory. */
const MAX_LINE_CHARS = 64 * 1024 * 1024

/** One JSON object a line; blank lines are skipped. A bad line is an error `input/jsonl` with its line and column. */
export async function* jsonRecords(pieces: AsyncIterable<string>, path: string): AsyncGenerator<JsonRecord> {
  let rest = ''
  let line = 1
  for await (const piece of pieces) {
    const lines = piece.split(/\r\n|\n|\r/)
    for (const [index, part] of lines.entries()) {
      rest += part
      if (rest.length > MAX_LINE_CHARS) {
        throw new LayerlineError('input/jsonl', `${path}:${line}: a line of more than 64 MiB; expected one JSON object`)
      }
      if (index === lines.length - 1) break
      const record = parseLine(rest, line, path)
      rest = ''
      line++
      if (record !== null) yield record
    }
  }
  const record = parseLine(rest, line, path)
  if (record !== null) yield record
}

function parseLine(text: string, line: number, path: string): JsonRecord | null {
  if (text.trim() === '') return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const at = jsonErrorAt(text) ?? 0
    const what = at >= text.trimEnd().length ? 'the line ends before its JSON does' : `unexpected ${shown(text, at)}`
    throw new LayerlineError('input/jsonl', `${path}:${line}:${at + 1}: not JSON: ${what}`, {
      hint: 'write one whole JSON object a line, such as {"id":"0","prompt":"Hello"}',
      cause,
    })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LayerlineError('input/jsonl', `${path}:${line}:1: expected a JSON object, found ${kindOf(value)}`, {
      hint: 'write one whole JSON object a line, such as {"id":"0","prompt":"Hello"}',
    })
  }
  return { object: value as Record<string, unknown>, line }
}

function shown(text: string, at: number): string {
  return JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
}
