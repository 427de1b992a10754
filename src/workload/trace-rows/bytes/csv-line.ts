import { fieldText } from './numbers.ts'

const LF = 0x0a
const QUOTE = 0x22

/**
 * Where the fields of one CSV record lie in a buffer: kept in arrays that are used again, so that a row costs no
 * allocation. Quotes may enclose delimiters and line ends, and stand for themselves where they are doubled.
 */
export class CsvLine {
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Fields of the record; those past the arrays are only counted. */
  fields = 0
  /** Line ends inside quotes. */
  extraLines = 0
  /** The bytes ended inside quotes. */
  isOpen = false
  private readonly delimiter: number

  constructor(delimiter: number, maxFields: number) {
    this.delimiter = delimiter
    this.starts = new Int32Array(maxFields)
    this.ends = new Int32Array(maxFields)
  }

  /**
   * Splits the record that begins at `from`. Returns where its line end lies (`to` if the bytes end there without
   * one), or -1 if it lies past `to` and more is to come.
   */
  split(bytes: Uint8Array, from: number, to: number, isLast: boolean): number {
    const { delimiter, starts, ends } = this
    const max = starts.length
    const ordinary = Math.max(delimiter, QUOTE)
    let fields = 0
    let start = from
    let at = from
    this.extraLines = 0
    this.isOpen = false
    for (;;) {
      if (at === to) {
        if (!isLast) return -1
        break
      }
      let byte = bytes[at] as number
      // Digits, letters and most signs, with one look each.
      while (byte > ordinary && ++at < to) byte = bytes[at] as number
      if (at === to) continue
      if (byte === delimiter) {
        if (fields < max) {
          starts[fields] = start
          ends[fields] = at
        }
        fields++
        start = ++at
      } else if (byte === LF) {
        break
      } else if (byte === QUOTE && at === start) {
        at = this.pastQuotes(bytes, at + 1, to)
        if (at === -1) {
          if (!isLast) return -1
          this.isOpen = true
          at = to
        }
      } else {
        at++
      }
    }
    if (fields < max) {
      starts[fields] = start
      ends[fields] = at > start && bytes[at - 1] === 0x0d ? at - 1 : at
    }
    this.fields = fields + 1
    return at
  }

  text(bytes: Uint8Array, field: number): string {
    if (field >= this.fields || field >= this.starts.length) return ''
    return fieldText(bytes, this.starts[field] as number, this.ends[field] as number)
  }

  /** After the quote that closes a field, or -1. */
  private pastQuotes(bytes: Uint8Array, from: number, to: number): number {
    for (let at = from; at < to; at++) {
      const byte = bytes[at]
      if (byte === LF) this.extraLines++
      if (byte !== QUOTE) continue
      if (bytes[at + 1] === QUOTE && at + 1 < to) at++
      else return at + 1
    }
    return -1
  }
}
