import { AnswerError, excerpt } from './answer-error.ts'
import type { EventTemplate } from './event-template.ts'

const LF = 10
const CR = 13
const COLON = 58
const SPACE = 32
/** Larger than any known event; a stream without an end must not fill the memory. */
const MOST_EVENT_BYTES = 64 * 1024 * 1024
const EMPTY = Buffer.alloc(0)
const EMPTY_VIEW = new DataView(EMPTY.buffer)

/** One event whose data had to be read as text. Byte positions hold during the call only. */
export interface SseBlock {
  /** Its `data:` lines, joined by LF. */
  data: string
  /** Its `event:` field; empty where it has none. */
  type: string
  /** The value of an `error:` line, a field of no standard that old llama.cpp servers send; null where there is none. */
  error: string | null
  bytes: Buffer
  start: number
  end: number
  /** Where the data lies in `bytes`, when it came on one line; else -1. */
  dataStart: number
  dataEnd: number
}

export interface EventSink {
  /** An event of the template's shape; what its holes held is in the template. */
  matched(template: EventTemplate, bytes: Buffer, length: number): void
  /** Any other event with data. Returns the template to try on the next one. */
  event(block: SseBlock): EventTemplate | null
}

/**
 * Cuts a body of `text/event-stream` into events, in place, split at any byte; only an event that spans two pieces is
 * copied. An event's length counts its block: all its lines, up to the empty one that ends it (of a CRLF there, the CR
 * only). Comments and `id`, `retry` fields are skipped; an event without data is skipped, unless it is an error.
 */
export class SseEvents {
  private readonly sink: EventSink
  private template: EventTemplate | null = null
  private carry: Buffer = EMPTY
  private carryView: DataView = EMPTY_VIEW
  private carried = 0
  private atLineStart = true
  private afterCr = false
  /** The last event ended with a CR: a LF that follows belongs to it. */
  private skipLf = false
  private fresh = true

  constructor(sink: EventSink) {
    this.sink = sink
  }

  feed(bytes: Buffer, view: DataView, start: number, end: number): void {
    let at = start
    if (this.carried > 0) {
      at = this.completeCarried(bytes, start, end)
      if (at < 0) return
    }
    while (at < end) {
      if (this.skipLf) {
        this.skipLf = false
        if (bytes[at] === LF) {
          at++
          continue
        }
      }
      const template = this.template
      if (template !== null) {
        const after = template.match(bytes, view, at, end)
        if (after > 0) {
          this.skipLf = template.endsWithCr
          this.sink.matched(template, bytes, after - at)
          at = after
          continue
        }
      }
      const blockEnd = this.scan(bytes, at, end)
      if (blockEnd < 0) {
        this.keep(bytes, at, end)
        return
      }
      this.block(bytes, at, blockEnd)
      at = blockEnd
    }
  }

  /**
   * The end of the body. An event without its empty line is used if it is complete; true means that one was cut off.
   * May throw what the sink throws.
   */
  end(): boolean {
    const block = this.carried === 0 ? null : readBlock(this.carry, 0, this.carried)
    this.carried = 0
    if (block === null) return false
    if (!isError(block) && !isWhole(block.data.trim())) return true
    this.sink.event(block)
    return false
  }

  private completeCarried(bytes: Buffer, start: number, end: number): number {
    const blockEnd = this.scan(bytes, start, end)
    this.keep(bytes, start, blockEnd < 0 ? end : blockEnd)
    if (blockEnd < 0) return -1
    const length = this.carried
    this.carried = 0
    const template = this.template
    if (template !== null && template.match(this.carry, this.carryView, 0, length) === length) {
      this.sink.matched(template, this.carry, length)
    } else {
      this.block(this.carry, 0, length)
    }
    return blockEnd
  }

  private block(bytes: Buffer, start: number, end: number): void {
    let from = start
    if (this.fresh) {
      this.fresh = false
      if (bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf) from += 3
    }
    const block = readBlock(bytes, from, end)
    if (block !== null && (block.data !== '' || isError(block))) this.template = this.sink.event(block)
  }

  /** Looks for the empty line that ends an event; its state is kept when the bytes run out (-1). */
  private scan(bytes: Buffer, start: number, end: number): number {
    let atLineStart = this.atLineStart
    let afterCr = this.afterCr
    for (let at = start; at < end; at++) {
      const c = bytes[at]
      if (c === LF) {
        if (afterCr) afterCr = false
        else if (atLineStart) return this.scanned(at + 1, false)
        else atLineStart = true
      } else if (c === CR) {
        if (atLineStart) return this.scanned(at + 1, true)
        atLineStart = true
        afterCr = true
      } else {
        atLineStart = false
        afterCr = false
      }
    }
    this.atLineStart = atLineStart
    this.afterCr = afterCr
    return -1
  }

  private scanned(end: number, skipLf: boolean): number {
    this.atLineStart = true
    this.afterCr = false
    this.skipLf = skipLf
    return end
  }

  private keep(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.carried + length > this.carry.length) {
      if (this.carried + length > MOST_EVENT_BYTES) {
        const start = excerpt(this.carry, 0, this.carried)
        throw new AnswerError('malformed', `an event longer than ${MOST_EVENT_BYTES} bytes, starting with ${start}`)
      }
      const grown = Buffer.allocUnsafeSlow(Math.max(1024, 2 * (this.carried + length)))
      this.carry.copy(grown, 0, 0, this.carried)
      this.carry = grown
      this.carryView = new DataView(grown.buffer, grown.byteOffset, grown.length)
    }
    bytes.copy(this.carry, this.carried, start, end)
    this.carried += length
  }
}

function readBlock(bytes: Buffer, start: number, end: number): SseBlock | null {
  const block: SseBlock = { data: '', type: '', error: null, bytes, start, end, dataStart: -1, dataEnd: -1 }
  let lines = 0
  let at = start
  while (at < end) {
    let lineEnd = at
    while (lineEnd < end && bytes[lineEnd] !== LF && bytes[lineEnd] !== CR) lineEnd++
    const first = bytes[at]
    if (first === DATA[0] && isField(DATA, bytes, at, lineEnd)) {
      const from = valueStart(DATA, bytes, at, lineEnd)
      const text = bytes.toString('utf8', from, lineEnd)
      block.data = lines === 0 ? text : `${block.data}\n${text}`
      block.dataStart = lines === 0 ? from : -1
      block.dataEnd = lineEnd
      lines++
    } else if (first === EVENT[0]) {
      if (isField(EVENT, bytes, at, lineEnd)) block.type = fieldValue(EVENT, bytes, at, lineEnd)
      else if (isField(ERROR, bytes, at, lineEnd)) block.error = fieldValue(ERROR, bytes, at, lineEnd)
    }
    at = lineEnd + (bytes[lineEnd] === CR && bytes[lineEnd + 1] === LF ? 2 : 1)
  }
  return lines === 0 && !isError(block) ? null : block
}

/** The server reports that it failed, whatever the data. */
export function isError({ type, error }: SseBlock): boolean {
  return error !== null || (type !== '' && /^error$/i.test(type))
}

function isWhole(data: string): boolean {
  if (data === '[DONE]') return true
  try {
    return typeof JSON.parse(data) === 'object'
  } catch {
    return false
  }
}

const DATA = Buffer.from('data')
const EVENT = Buffer.from('event')
const ERROR = Buffer.from('error')

/** A name alone on its line is a field with an empty value. */
function isField(name: Buffer, bytes: Buffer, at: number, end: number): boolean {
  const length = name.length
  if (end - at < length) return false
  for (let i = 1; i < length; i++) if (bytes[at + i] !== name[i]) return false
  return end - at === length || bytes[at + length] === COLON
}

/** Past the colon and one space. */
function valueStart(name: Buffer, bytes: Buffer, at: number, end: number): number {
  const from = Math.min(at + name.length + 1, end)
  return from < end && bytes[from] === SPACE ? from + 1 : from
}

function fieldValue(name: Buffer, bytes: Buffer, at: number, end: number): string {
  return bytes.toString('utf8', valueStart(name, bytes, at, end), end)
}
