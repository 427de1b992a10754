/** Receives what nvidia-smi's output holds. `values` is reused for the next line. */
export interface SmiHandler {
  /** `localMs`: the stamp as if it were UTC. Numbers as printed, NaN where it had none. */
  row(uuid: string, localMs: number, values: Float64Array): void
  /** A line that is no sample. */
  text(line: string): void
}

const SLASH = 47
const COLON = 58
const COMMA = 44
/** Longer lines are not samples: text without a line end is dropped. */
const MAX_LINE = 64 * 1024

/** Reads the output of a sampling nvidia-smi as it comes, in pieces of any size. */
export class SmiLines {
  private readonly values: Float64Array
  private readonly handler: SmiHandler
  private rest = ''
  private day = ''
  private dayMs = Number.NaN

  constructor(fieldCount: number, handler: SmiHandler) {
    this.values = new Float64Array(fieldCount)
    this.handler = handler
  }

  push(piece: string): void {
    const text = this.rest + piece
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      this.line(text, start, text.charCodeAt(end - 1) === 13 && end > start ? end - 1 : end)
      start = end + 1
    }
    this.rest = text.length - start > MAX_LINE ? '' : text.slice(start)
  }

  /** A sampler ended, perhaps within a line: half a line is not a sample. */
  reset(): void {
    const { rest } = this
    this.rest = ''
    if (rest.trim() !== '' && !isStamp(rest, 0)) this.handler.text(rest.trim())
  }

  private line(text: string, start: number, end: number): void {
    if (end === start) return
    const localMs = isStamp(text, start) ? this.stamp(text, start) : Number.NaN
    // A GPU that fell off the bus has words in place of its UUID.
    const named =
      !Number.isNaN(localMs) && UUID_START.test(text.slice(start + STAMP_LENGTH + 2, start + STAMP_LENGTH + 6))
    const uuidEnd = named ? text.indexOf(',', start + STAMP_LENGTH + 2) : -1
    if (uuidEnd === -1 || uuidEnd >= end || !this.numbers(text, uuidEnd, end)) {
      const line = text.slice(start, end).trim()
      if (line !== '') this.handler.text(line)
      return
    }
    this.handler.row(text.slice(start + STAMP_LENGTH + 2, uuidEnd), localMs, this.values)
  }

  /** Ms as if the stamp were UTC; NaN where it is none after all. */
  private stamp(text: string, at: number): number {
    const day = text.slice(at, at + 10)
    if (day !== this.day) {
      this.dayMs = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(5, 7)) - 1, Number(day.slice(8)))
      this.day = day
    }
    const hours = Number(text.slice(at + 11, at + 13))
    const minutes = Number(text.slice(at + 14, at + 16))
    return this.dayMs + (hours * 60 + minutes) * 60_000 + Math.round(Number(text.slice(at + 17, at + 23)) * 1000)
  }

  /** Fills `values` from the columns after `comma`; false where there are more or fewer. */
  private numbers(text: string, comma: number, end: number): boolean {
    const { values } = this
    let at = comma
    for (let i = 0; i < values.length; i++) {
      if (at >= end || at === -1) return false
      const next = text.indexOf(',', at + 1)
      const stop = next === -1 || next > end ? end : next
      values[i] = parseValue(text, at + 1, stop)
      at = stop
    }
    return at === end
  }
}

/** `2026/11/22 06:55:08.210` */
const STAMP_LENGTH = 23
const UUID_START = /^(GPU|MIG)-/

function isStamp(text: string, at: number): boolean {
  return (
    text.charCodeAt(at + 4) === SLASH &&
    text.charCodeAt(at + 7) === SLASH &&
    text.charCodeAt(at + 13) === COLON &&
    text.charCodeAt(at + 16) === COLON &&
    text.charCodeAt(at + STAMP_LENGTH) === COMMA
  )
}

/** A number; `P0` is 0 and `0x1f` 31. Everything else (`[N/A]`, `[Not Supported]`, `[Unknown Error]`, `ERR!`) is NaN. */
function parseValue(text: string, start: number, end: number): number {
  let from = start
  while (text.charCodeAt(from) === 32) from++
  const first = text.charCodeAt(from)
  if (from >= end || first === 91) return Number.NaN
  return Number(text.slice(first === 80 ? from + 1 : from, end))
}
