import { LayerlineError } from '../../base/errors.ts'
import { spreadsheetTime } from '../../base/foreign-file.ts'
import type { ColumnMap, TraceLayout } from '../trace-formats/trace-format.ts'
import type { BadRows } from './bad-rows.ts'
import { ByteLines } from './bytes/byte-lines.ts'
import { CsvLine } from './bytes/csv-line.ts'
import { parseCount, parseScaled } from './bytes/numbers.ts'
import { StampParser } from './bytes/stamp.ts'
import { US_PER } from './bytes/time-unit.ts'
import { NOT_SAID, RowBatch } from './row-batch.ts'
import { rowShape } from './row-shape.ts'

const LF = 0x0a
const UPPER_E = 0x45
const ABSENT = -1

/**
 * Rows of a CSV from its bytes: fields are found by one scan and numbers are made from the bytes, so that no text is
 * built but of a session's name.
 */
export class CsvRows {
  private readonly lines: ByteLines
  private readonly record: CsvLine
  private readonly header: readonly string[]
  private readonly layout: TraceLayout
  private readonly bad: BadRows
  private readonly at: Record<keyof ColumnMap | 'images', number>
  private readonly stamps = new StampParser()
  private readonly batch: RowBatch
  private line = 1

  constructor(header: readonly string[], delimiter: number, layout: TraceLayout, bad: BadRows) {
    this.lines = new ByteLines(bad.path)
    this.header = header
    this.layout = layout
    this.bad = bad
    this.record = new CsvLine(delimiter, header.length)
    this.batch = new RowBatch(rowShape(layout))
    const at = (name: string | undefined) => (name === undefined ? ABSENT : header.indexOf(name))
    const { ts, in: input, out, session, turn } = layout.columns
    this.at = {
      ts: at(ts),
      in: at(input),
      out: at(out),
      session: at(session),
      turn: at(turn),
      images: at(layout.images),
    }
  }

  /** Rows in a piece of the file, the header apart; `isLastPiece` with the last one. A batch holds until the next. */
  *push(piece: Uint8Array, isLastPiece: boolean): Generator<RowBatch, void> {
    for (const { part, isLast } of this.lines.parts(piece, isLastPiece)) {
      const bytes = this.lines.join(part)
      let at = this.line === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
      for (;;) {
        at = this.scan(bytes, at, isLast)
        if (!this.batch.isFull) break
        yield this.batch
        this.batch.count = 0
      }
      this.lines.keep(bytes, at, this.line)
    }
    if (this.batch.count === 0) return
    yield this.batch
    this.batch.count = 0
  }

  /** Reads records until the batch is full or the piece ends; returns where the next begins. */
  private scan(bytes: Buffer, from: number, isLast: boolean): number {
    const { record } = this
    const to = bytes.length
    let at = from
    while (at < to && !this.batch.isFull) {
      const end = record.split(bytes, at, to, isLast)
      if (end === -1) return at
      const hasEnd = end < to && bytes[end] === LF
      if (!this.isBlank() && this.line !== 1) this.take(bytes, hasEnd)
      this.line += 1 + record.extraLines
      at = hasEnd ? end + 1 : end
    }
    return at
  }

  private isBlank(): boolean {
    const { record } = this
    return record.fields === 1 && record.starts[0] === record.ends[0]
  }

  private take(bytes: Buffer, hasEnd: boolean): void {
    const { record, batch, at } = this
    if (record.isOpen && record.extraLines > 0) {
      // All that follows would be lost in it, whatever is to be skipped.
      throw new LayerlineError(
        'input/trace-quote',
        `${this.bad.path}:${this.line}: a quote opened in this line is never closed`,
        { hint: 'close it, and write a quote inside a quoted field twice: ""' },
      )
    }
    const expected = this.header.length
    if (record.fields !== expected) {
      this.wrongFields(hasEnd)
      return
    }
    const { starts, ends } = record
    const unit = this.layout.unit
    const from = starts[at.ts] as number
    const to = ends[at.ts] as number
    const tUs = unit === 'iso' ? this.stamps.parse(bytes, from, to) : parseScaled(bytes, from, to, US_PER[unit])
    if (!Number.isSafeInteger(tUs)) {
      if (this.isHeader(bytes)) this.bad.count('repeated_headers')
      else this.wrong(bytes, at.ts, unit === 'iso' ? 'a date and time' : `a time in ${unit}`, hasEnd)
      return
    }
    // `1.69E+12`: a spreadsheet has cut its digits.
    if (bytes[to - 4] === UPPER_E && unit !== 'iso' && spreadsheetTime(record.text(bytes, at.ts)) !== null) {
      this.wrong(bytes, at.ts, `a time in ${unit}`, hasEnd)
      return
    }
    const input = parseCount(bytes, starts[at.in] as number, ends[at.in] as number)
    if (input === -1) {
      this.wrong(bytes, at.in, 'a whole number of tokens', hasEnd)
      return
    }
    let output = NOT_SAID
    if (at.out !== ABSENT) {
      output = parseCount(bytes, starts[at.out] as number, ends[at.out] as number)
      if (output === -1) {
        this.wrong(bytes, at.out, 'a whole number of tokens', hasEnd)
        return
      }
    }
    const i = batch.count
    if (batch.session !== null) batch.session[i] = record.text(bytes, at.session) || null
    if (batch.turn !== null) {
      const text = record.text(bytes, at.turn)
      const turn = text === '' ? NOT_SAID : parseCount(bytes, starts[at.turn] as number, ends[at.turn] as number)
      if (turn === -1) {
        this.wrong(bytes, at.turn, 'a whole number', hasEnd)
        return
      }
      batch.turn[i] = turn
    }
    if (at.images !== ABSENT && parseCount(bytes, starts[at.images] as number, ends[at.images] as number) > 0)
      this.bad.count('rows_with_images')
    batch.tUs[i] = tUs
    batch.input[i] = input
    batch.output[i] = output
    batch.line[i] = this.line
    batch.count = i + 1
  }

  /** A last line without its end may be one that was cut off: no error then. */
  private wrongFields(hasEnd: boolean): void {
    const { fields } = this.record
    if (!hasEnd && fields < this.header.length) this.bad.count('truncated_last_line')
    else this.bad.add(this.line, `${fields} values; expected ${this.header.length} (${shownNames(this.header)})`)
  }

  private wrong(bytes: Buffer, field: number, expected: string, hasEnd: boolean): void {
    const text = this.record.text(bytes, field)
    if (!hasEnd && text === '' && field === this.header.length - 1) {
      this.bad.count('truncated_last_line')
      return
    }
    const shown = text.length > 40 ? `${text.slice(0, 39)}…` : text
    const mangled = field === this.at.ts ? spreadsheetTime(text) : null
    const what = `${this.header[field]} is ${JSON.stringify(shown)}; expected ${expected}`
    if (mangled === null) this.bad.add(this.line, what)
    else
      this.bad.add(
        this.line,
        `${what}. It is ${mangled}`,
        undefined,
        'take the file as it was before a spreadsheet saved it',
      )
  }

  private isHeader(bytes: Buffer): boolean {
    return this.header.every((name, field) => this.record.text(bytes, field) === name)
  }
}

function shownNames(names: readonly string[]): string {
  return `${names.slice(0, 12).join(',')}${names.length > 12 ? ',…' : ''}`
}
