import { jsonErrorAt } from '../json-place.ts'
import type { TraceLayout } from '../trace-formats/trace-format.ts'
import type { BadRows } from './bad-rows.ts'
import { ByteLines } from './bytes/byte-lines.ts'
import { StampParser } from './bytes/stamp.ts'
import { US_PER } from './bytes/time-unit.ts'
import { NOT_SAID, RowBatch } from './row-batch.ts'
import { rowShape } from './row-shape.ts'
import { SessionRoots } from './session-roots.ts'

const LF = 0x0a

/** Rows of a JSONL trace from its bytes: one object a line. */
export class JsonRows {
  private readonly lines: ByteLines
  private readonly layout: TraceLayout
  private readonly bad: BadRows
  private readonly batch: RowBatch
  private readonly stamps = new StampParser()
  private readonly roots = new SessionRoots()
  private line = 1

  constructor(layout: TraceLayout, bad: BadRows) {
    this.lines = new ByteLines(bad.path)
    this.layout = layout
    this.bad = bad
    this.batch = new RowBatch(rowShape(layout))
  }

  /** Rows in a piece of the file; `isLastPiece` with the last one. A batch holds until the next. */
  *push(piece: Uint8Array, isLastPiece: boolean): Generator<RowBatch, void> {
    for (const { part, isLast } of this.lines.parts(piece, isLastPiece)) {
      const bytes = this.lines.join(part)
      let at = 0
      while (at < bytes.length) {
        const end = bytes.indexOf(LF, at)
        if (end === -1 && !isLast) break
        const to = end === -1 ? bytes.length : end
        this.take(bytes.toString('utf8', at, to), end !== -1)
        this.line++
        at = end === -1 ? to : end + 1
        if (!this.batch.isFull) continue
        yield this.batch
        this.batch.count = 0
      }
      this.lines.keep(bytes, at, this.line)
    }
    if (this.batch.count === 0) return
    yield this.batch
    this.batch.count = 0
  }

  private take(text: string, hasEnd: boolean): void {
    const json = this.line === 1 ? text.replace(/^\uFEFF/, '') : text
    if (json.trim() === '') return
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch {
      const at = jsonErrorAt(json) ?? 0
      const isCut = at >= json.trimEnd().length
      if (isCut && !hasEnd) this.bad.count('truncated_last_line')
      else {
        const found = String.fromCodePoint(json.codePointAt(at) ?? 0)
        this.bad.add(
          this.line,
          `not JSON: ${isCut ? 'the line ends before its object does' : `unexpected ${JSON.stringify(found)}`}`,
          at + 1,
        )
      }
      return
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.bad.add(this.line, 'expected a JSON object')
    else this.row(value as Record<string, unknown>)
  }

  private row(object: Record<string, unknown>): void {
    const { columns, unit } = this.layout
    const tUs = this.time(object[columns.ts])
    if (!Number.isSafeInteger(tUs)) {
      const isDelay = object[columns.ts] === undefined && object.delay !== undefined
      this.wrong(
        object,
        columns.ts,
        `${unit === 'iso' ? 'a date and time' : `a time in ${unit}`}${isDelay ? '; turns that only say their `delay` after the one before are not read' : ''}`,
      )
      return
    }
    const input = count(object[columns.in])
    if (input === null) {
      this.wrong(object, columns.in, 'a whole number of tokens')
      return
    }
    const said = columns.out === undefined ? undefined : object[columns.out]
    // Some traces give an output where they know it, and only there.
    const isOpen = this.layout.outputOptional === true && (said === undefined || said === null)
    const output = columns.out === undefined || isOpen ? NOT_SAID : count(said)
    if (output === null) {
      this.wrong(object, columns.out as string, 'a whole number of tokens')
      return
    }
    const { batch } = this
    if (isOpen) this.bad.count('rows_without_output')
    const i = batch.count
    if (batch.blocks !== null && !this.setBlocks(object, i, input)) return
    if (batch.turn !== null) {
      const value = object[columns.turn as string]
      const turn = value === undefined || value === null ? NOT_SAID : count(value)
      if (turn === null) {
        this.wrong(object, columns.turn as string, 'a whole number')
        return
      }
      batch.turn[i] = turn
    }
    if (batch.session !== null) batch.session[i] = this.session(object, i)
    batch.tUs[i] = tUs
    batch.input[i] = input
    batch.output[i] = output
    batch.line[i] = this.line
    batch.count = i + 1
  }

  private time(value: unknown): number {
    const { unit } = this.layout
    if (unit === 'iso') return typeof value === 'string' ? this.stamps.parseText(value) : Number.NaN
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    return typeof number === 'number' ? Math.round(number * US_PER[unit]) : Number.NaN
  }

  private session(object: Record<string, unknown>, i: number): string | null {
    const own = name(object[this.layout.columns.session as string])
    const parents = this.batch.parent
    if (parents !== null) parents[i] = NOT_SAID
    if (own === '' || this.layout.parent === undefined) return own || null
    const { root, parentLine, isCut } = this.roots.of(own, name(object[this.layout.parent]), this.line)
    if (parents !== null) parents[i] = parentLine ?? NOT_SAID
    if (isCut) this.bad.count('conversations_without_start')
    return root
  }

  /** Ids must be as many as the prompt has blocks: the layout's block size is wrong otherwise, or the row is. */
  private setBlocks(object: Record<string, unknown>, i: number, input: number): boolean {
    const key = this.layout.blocks as string
    const ids = object[key]
    const blocks = this.batch.blocks as (readonly number[] | null)[]
    if (ids === undefined || ids === null) {
      blocks[i] = null
      return true
    }
    if (!Array.isArray(ids) || !ids.every((id) => Number.isSafeInteger(id))) {
      this.wrong(object, key, 'an array of whole numbers')
      return false
    }
    const expected = Math.ceil(input / (this.layout.blockTokens ?? 1))
    if (ids.length !== expected) this.bad.count('rows_with_odd_blocks')
    blocks[i] = ids.length === expected ? ids : null
    return true
  }

  private wrong(object: Record<string, unknown>, key: string, expected: string): void {
    const text = JSON.stringify(object[key]) ?? 'missing'
    const shown = text.length > 40 ? `${text.slice(0, 39)}…` : text
    this.bad.add(this.line, `${key} is ${shown}; expected ${expected}`)
  }
}

function count(value: unknown): number | null {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < NOT_SAID ? number : null
}

function name(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}
