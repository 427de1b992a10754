import { LayerlineError } from '../base/errors.ts'

/** One record; `line` is where it begins, from 1. */
export interface CsvRecord {
  fields: string[]
  line: number
}

/** Past this length a quote counts as never closed, so that the file is not held in memory. */
const MAX_FIELD_CHARS = 64 * 1024 * 1024

type State = 'start' | 'plain' | 'quoted' | 'closed'

/**
 * RFC 4180, read piece by piece: quoted newlines, doubled quotes, `\n`, `\r\n` or `\r` between records, a last record
 * with or without its newline. Blank lines are no records; a quote inside an unquoted field is an ordinary character.
 * An unclosed quote is reported where it was opened. Pieces must not end between `\r` and `\n`.
 */
export class CsvParser {
  private readonly path: string
  private state: State = 'start'
  private field = ''
  private fields: string[] = []
  private line = 1
  private recordLine = 1
  private quotedLine = 1
  private wasQuoted = false
  private lineStart = 0
  private consumed = 0

  constructor(path: string) {
    this.path = path
  }

  *push(text: string): Generator<CsvRecord> {
    let at = 0
    while (at < text.length) {
      if (this.state === 'quoted') {
        at = this.readQuoted(text, at)
        continue
      }
      const char = text.charAt(at)
      if (char === '"' && this.state === 'start') {
        this.state = 'quoted'
        this.quotedLine = this.line
        this.wasQuoted = true
        at++
      } else if (char === '"' && this.state === 'closed') {
        this.field += '"'
        this.state = 'quoted'
        at++
      } else if (char === ',') {
        this.endField()
        at++
      } else if (char === '\n' || char === '\r') {
        at += char === '\r' && text.charAt(at + 1) === '\n' ? 2 : 1
        const record = this.endRecord()
        this.newLine(at)
        this.recordLine = this.line
        if (record !== null) yield record
      } else if (this.state === 'closed') {
        throw this.afterClosingQuote(char, at)
      } else {
        this.state = 'plain'
        const end = nextBreak(text, at)
        this.grow(text.slice(at, end))
        at = end
      }
    }
    this.consumed += text.length
  }

  /** The last record, where the file does not end in a newline. */
  end(): CsvRecord | null {
    if (this.state === 'quoted') throw this.unclosed('never closed')
    return this.endRecord()
  }

  private readQuoted(text: string, from: number): number {
    const quote = text.indexOf('"', from)
    const end = quote === -1 ? text.length : quote
    const part = text.slice(from, end)
    this.grow(part)
    for (const match of part.matchAll(/\r\n|\n|\r/g)) this.newLine(from + match.index + match[0].length)
    if (quote === -1) return end
    this.state = 'closed'
    return end + 1
  }

  private newLine(at: number): void {
    this.line++
    this.lineStart = this.consumed + at
  }

  private grow(part: string): void {
    this.field += part
    if (this.field.length <= MAX_FIELD_CHARS) return
    throw this.state === 'quoted'
      ? this.unclosed('open for 64 MiB')
      : this.error(this.line, 1, 'a field of more than 64 MiB')
  }

  private endField(): void {
    this.fields.push(this.field)
    this.field = ''
    this.state = 'start'
  }

  private endRecord(): CsvRecord | null {
    const blank = this.fields.length === 0 && this.field === '' && !this.wasQuoted
    this.endField()
    const fields = this.fields
    this.fields = []
    this.wasQuoted = false
    return blank ? null : { fields, line: this.recordLine }
  }

  private unclosed(how: string): LayerlineError {
    return new LayerlineError(
      'input/csv-quote',
      `${this.path}:${this.quotedLine}: a quote opened in this line is ${how}`,
      {
        hint: 'close it, and write a quote inside a quoted field twice: ""',
      },
    )
  }

  private afterClosingQuote(char: string, at: number): LayerlineError {
    const column = this.consumed + at - this.lineStart + 1
    return this.error(
      this.line,
      column,
      `"${char}" after a closing quote, where a comma or the end of the line belongs`,
    )
  }

  private error(line: number, column: number, what: string): LayerlineError {
    return new LayerlineError('input/csv-quote', `${this.path}:${line}:${column}: ${what}`, {
      hint: 'write a quote inside a quoted field twice: ""',
    })
  }
}

function nextBreak(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x2c || code === 0x0a || code === 0x0d) return at
  }
  return text.length
}
