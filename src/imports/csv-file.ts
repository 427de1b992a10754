import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { LayerlineError } from '../base/errors.ts'

const HEAD_BYTES = 1 << 16
const MAX_LINE_CHARS = 1 << 20

/** One line of values. `cut`: the file ends in it without a newline. */
export interface CsvRecord {
  readonly line: number
  readonly fields: readonly string[]
  readonly cut: boolean
}

/** A CSV file with a header, one record a line. Its columns are found by name; others may stand between them. */
export class CsvFile {
  readonly path: string
  readonly name: string
  readonly columns: readonly string[]
  private readonly at: ReadonlyMap<string, number>

  constructor(path: string) {
    this.path = path
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

  /** A number, or null where the source said that it had none. */
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

  /**
   * Every record, a piece of the file at a time. A line with fewer or more values than the header is an error with its
   * place, but for a last one that was cut off; a header that comes again (two traces in one file) is passed over.
   */
  async *records(): AsyncGenerator<CsvRecord[]> {
    const decoder = new StringDecoder('utf8')
    const header = this.columns.join(',')
    let rest = ''
    let line = 0
    const take = (text: string, cut: boolean, into: CsvRecord[]) => {
      line++
      if (line === 1 || text.trim() === '') return
      const fields = this.split(text, line, cut)
      if (fields === null) into.push({ line, fields: [], cut: true })
      else if (fields.length === this.columns.length && text.trim() === header) return
      else into.push({ line, fields, cut: cut && fields.length < this.columns.length })
    }
    for await (const bytes of createReadStream(this.path)) {
      const text = rest + decoder.write(bytes as Buffer)
      const lines = text.split(/\r\n|\n/)
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_CHARS) {
        throw new LayerlineError(
          'input/import-line',
          `${this.path}:${line + lines.length + 1}: a line of more than 1 MiB`,
        )
      }
      const records: CsvRecord[] = []
      for (const each of lines) take(each, false, records)
      yield records
    }
    const last: CsvRecord[] = []
    rest += decoder.end()
    if (rest !== '') take(rest, true, last)
    yield last
  }

  private split(text: string, line: number, cut: boolean): string[] | null {
    const fields = fieldsOf(text)
    if (fields.length === this.columns.length) return fields
    if (cut && fields.length < this.columns.length) return null
    throw new LayerlineError(
      'input/import-line',
      `${this.path}:${line}: ${fields.length} values; expected ${this.columns.length} (${this.columns.slice(0, 12).join(',')}${this.columns.length > 12 ? ',…' : ''})`,
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
