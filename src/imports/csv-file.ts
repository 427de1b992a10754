import { closeSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { LayerlineError } from '../base/errors.ts'
import { type TextLine, textLines } from '../base/text-lines.ts'
import type { TableName } from '../trace/tables.ts'
import type { RunWriter } from './run-writer.ts'

const HEAD_BYTES = 1 << 16
const MAX_LINE_CHARS = 1 << 20

/** One line of values. `cut`: the file ends in it without a newline. */
export interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
  readonly cut: boolean
  /** Why its values cannot be distinguished. */
  readonly problem?: LayerlineError
}

/**
 * A CSV file with a header, one record a line. Its columns are found by name; others may stand between them. A record that
 * cannot be read is skipped and counted, or, `strict`, an error.
 */
export class CsvFile {
  readonly path: string
  readonly name: string
  readonly columns: readonly string[]
  private readonly at: ReadonlyMap<string, number>
  private readonly strict: boolean
  private bad = 0
  /** What is wrong with the first record that was skipped. */
  firstBad: LayerlineError | null = null

  constructor(path: string, strict = true) {
    this.path = path
    this.strict = strict
    this.name = basename(path)
    this.columns = fieldsOf(firstLine(path)).map((name) => name.trim())
    this.at = new Map(this.columns.map((name, i) => [name, i]))
  }

  has(...names: readonly string[]): boolean {
    return names.every((name) => this.at.has(name))
  }

  /** The text of a column, without the spaces around it; '' where the file has no such column. */
  text(record: CsvRecord, column: string): string {
    const at = this.at.get(column)
    return at === undefined ? '' : (record.fields[at] ?? '').trim()
  }

  textOrNull(record: CsvRecord, column: string): string | null {
    return this.text(record, column) || null
  }

  /** A number, or null if the source reported that it had none. */
  number(record: CsvRecord, column: string): number | null {
    const text = this.text(record, column)
    if (text === '' || /^\[?(N\/A|Not Supported|Unknown Error|nan|None)\]?$/i.test(text)) return null
    const value = Number(text.replace(/\s*%$/, ''))
    if (!Number.isFinite(value)) throw this.wrong(record, column, 'a number, or nothing')
    return value
  }

  /** A whole number of 0 or more, or null. */
  count(record: CsvRecord, column: string): number | null {
    const value = this.number(record, column)
    if (value === null) return null
    if (!Number.isInteger(value) || value < 0 || value > 4_294_967_294) {
      throw this.wrong(record, column, 'a whole number, or nothing')
    }
    return value
  }

  /** What is wrong with a value, with its place. */
  wrong(record: CsvRecord, column: string, expected: string): LayerlineError {
    const text = this.text(record, column)
    const shown = text.length > 40 ? `${text.slice(0, 39)}…` : text
    return new LayerlineError(
      'input/import-value',
      `${this.path}:${record.line}: ${column} is "${shown}"; expected ${expected}`,
    )
  }

  /** What `read` makes of a record; null where the record is bad, and counted. Read all of it before writing any. */
  row<T>(record: CsvRecord, read: () => T): T | null {
    const value = this.peek(record, read)
    if (!(value instanceof LayerlineError)) return value
    this.bad++
    this.firstBad ??= value
    return null
  }

  /**
   * As `row`, but for records that are read again later: returns what is wrong with a bad record, which is not counted.
   */
  peek<T>(record: CsvRecord, read: () => T): T | LayerlineError {
    try {
      if (record.problem !== undefined) throw record.problem
      return read()
    } catch (error) {
      if (this.strict || !(error instanceof LayerlineError)) throw error
      return error
    }
  }

  /** After all records: how many were bad, and the first. A record is `rowsEach` rows of a table. */
  reportBad(run: RunWriter, table: TableName, rowsEach = 1): void {
    if (this.bad === 0) return
    run.lose(table, this.bad * rowsEach)
    run.note(
      'warn',
      'bad rows',
      `${this.name}: ${this.bad} line${this.bad === 1 ? '' : 's'} cannot be read and skipped (--strict refuses the file); first: ${this.firstBad?.message}`,
    )
  }

  /**
   * Every record, a piece of the file at a time. A line with fewer or more values than the header has a `problem`, but
   * for a last one that was cut off; a repeated header (two traces in one file) is skipped.
   */
  async *records(): AsyncGenerator<CsvRecord[]> {
    const header = this.columns.join(',')
    for await (const lines of textLines(this.path, MAX_LINE_CHARS)) {
      const records: CsvRecord[] = []
      for (const line of lines) {
        if (line.line === 1 || line.text.trim() === '' || line.text.trim() === header) continue
        records.push(this.record(line))
      }
      yield records
    }
  }

  private record({ line, text, cut, tooLong }: TextLine): CsvRecord {
    const wrong = (what: string) => {
      const problem = new LayerlineError('input/import-line', `${this.path}:${line}: ${what}`)
      return { line, fields: [], cut: false, problem }
    }
    if (tooLong) return wrong('a line of more than 1 MiB')
    const fields = fieldsOf(text)
    if (fields.length === this.columns.length) return { line, fields, cut: false }
    if (cut && fields.length < this.columns.length) return { line, fields: [], cut: true }
    const { columns } = this
    return wrong(
      `${fields.length} values; expected ${columns.length} (${columns.slice(0, 12).join(',')}${columns.length > 12 ? ',…' : ''})`,
    )
  }
}

/** Values of one line; a quote may enclose commas, and stands for itself where it is doubled. */
function fieldsOf(text: string): string[] {
  if (!text.includes('"')) return text.split(',')
  const fields: string[] = []
  let field = ''
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const char = text.charAt(i)
    if (quoted) {
      if (char !== '"') field += char
      else if (text.charAt(i + 1) === '"') field += text.charAt(i++)
      else quoted = false
    } else if (char === '"') quoted = true
    else if (char === ',') {
      fields.push(field)
      field = ''
    } else field += char
  }
  fields.push(field)
  return fields
}

function firstLine(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    const text = head.toString('utf8', 0, readSync(fd, head, 0, HEAD_BYTES, 0))
    return text.replace(/^\uFEFF/, '').split(/\r\n|\n/, 1)[0] ?? ''
  } finally {
    closeSync(fd)
  }
}

/** Walks a file's records one by one; awaits only where a piece of the file ends. */
export class RecordCursor {
  readonly file: CsvFile
  private readonly pieces: AsyncGenerator<CsvRecord[]>
  private piece: CsvRecord[] = []
  private at = 0

  constructor(file: CsvFile) {
    this.file = file
    this.pieces = file.records()
  }

  /** The record that is next, or null at the end; `advance` first. */
  get record(): CsvRecord | null {
    return this.piece[this.at] ?? null
  }

  async advance(): Promise<void> {
    this.at++
    while (this.at >= this.piece.length) {
      const next = await this.pieces.next()
      if (next.done) return
      this.piece = next.value
      this.at = 0
    }
  }
}
