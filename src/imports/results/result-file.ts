import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import type { ZodType } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import { type TextLine, textLines } from '../../base/text-lines.ts'
import { validJson } from '../json-text.ts'
import type { RunWriter } from '../run-writer.ts'

const HEAD_BYTES = 1 << 14
/** The text has to fit into one V8 string. */
const MAX_JSON_BYTES = 400e6
/** Of a line; an answer of 100,000 tokens is 2 MiB. */
const MAX_LINE_CHARS = 64 * 2 ** 20

/**
 * A file of JSON, or of one JSON object a line; the words that Python writes for numbers (NaN, Infinity) are null. A row
 * that cannot be read is counted, or, `strict`, an error.
 */
export class ResultFile {
  readonly path: string
  readonly name: string
  readonly head: string
  private readonly strict: boolean
  private readonly reads: string
  private firstBad: LayerlineError | null = null
  private bad = 0

  constructor(path: string, head: string, reads: string, strict: boolean) {
    this.path = path
    this.name = basename(path)
    this.head = head
    this.reads = reads
    this.strict = strict
  }

  /** The whole file as one object, checked. Throws `input/import-json`, `input/import-value` and `input/import-large`. */
  json<T>(schema: ZodType<T>): T {
    const { size } = statSync(this.path)
    if (size > MAX_JSON_BYTES) {
      throw new LayerlineError('input/import-large', `${this.path}: ${Math.round(size / 1e6)} MB of one JSON text`, {
        hint: `up to ${MAX_JSON_BYTES / 1e6} MB are read: let the tool write fewer requests into a file`,
      })
    }
    return this.checked(this.parsed(readFileSync(this.path, 'utf8').replace(/^\uFEFF/, ''), 1), schema, 1)
  }

  /** Each line's object, checked; `prepare` may change its text before. A last line that was cut off is handed over as null. */
  async *lines<T>(schema: ZodType<T>, prepare: (text: string) => string = (text) => text): AsyncGenerator<T | null> {
    const read = ({ line, text, tooLong }: TextLine) =>
      this.row(() => {
        if (!tooLong) return this.checked(this.parsed(prepare(text), line), schema, line)
        throw new LayerlineError('input/import-line', `${this.path}:${line}: a line of more than 64 MiB`, {
          hint: `expected one request per line: ${this.reads}`,
        })
      })
    for await (const lines of textLines(this.path, MAX_LINE_CHARS)) {
      for (const line of lines) {
        if (line.text.trim() === '') continue
        if (line.cut && !line.tooLong && validJson(prepare(line.text)) === null) {
          yield null
          return
        }
        const row = read(line)
        if (row !== null) yield row
      }
    }
  }

  /** What `read` makes of a row; null where it is bad, and counted. */
  row<T>(read: () => T): T | null {
    try {
      return read()
    } catch (error) {
      if (this.strict || !(error instanceof LayerlineError)) throw error
      this.bad++
      this.firstBad ??= error
      return null
    }
  }

  /** A value of the file, checked; `at` is its place in the line's object. */
  checked<T>(value: unknown, schema: ZodType<T>, line: number, at: readonly (string | number)[] = []): T {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    const issue = parsed.error.issues[0]
    throw this.wrong(`${line}: ${[...at, ...(issue?.path ?? [])].join('.')}: ${issue?.message}`)
  }

  /** What is wrong in it, behind its name. */
  wrong(what: string): LayerlineError {
    return new LayerlineError('input/import-value', `${this.path}:${what}`, {
      hint: `the file is damaged, or of another version than is read: ${this.reads}`,
    })
  }

  /** After all rows: throws where none was good, else says how many were not. */
  finish(run: RunWriter, good: number, emptyHint?: string): void {
    if (good === 0) {
      throw (
        this.firstBad ??
        new LayerlineError('input/import-empty', `${this.path}: no request in it`, {
          ...(emptyHint === undefined ? {} : { hint: emptyHint }),
        })
      )
    }
    if (this.bad === 0) return
    run.lose('requests', this.bad)
    run.note(
      'warn',
      'bad rows',
      `${this.name}: ${this.bad} request${this.bad === 1 ? '' : 's'} cannot be read and skipped (--strict refuses the file); first: ${this.firstBad?.message}`,
    )
  }

  private parsed(text: string, line: number): unknown {
    const strict = validJson(text)
    if (strict !== null) return JSON.parse(strict)
    let why = ''
    try {
      JSON.parse(text)
    } catch (cause) {
      why = String((cause as Error).message)
    }
    throw new LayerlineError('input/import-json', `${this.path}:${line}: not JSON: ${why}`, {
      hint: 'the file was cut off, or holds several results: a result a file is read',
    })
  }
}

/** The beginning of a file, without a byte order mark and blanks. */
export function headOf(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head
      .toString('utf8', 0, readSync(fd, head, 0, HEAD_BYTES, 0))
      .replace(/^\uFEFF/, '')
      .trimStart()
  } finally {
    closeSync(fd)
  }
}
