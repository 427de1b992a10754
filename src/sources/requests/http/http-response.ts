import { AnswerError, excerpt } from '../stream/answer-error.ts'
import { type BodyBytes, Dechunker } from './chunked.ts'

const LF = 10
const CR = 13
const MOST_HEAD_BYTES = 64 * 1024

export interface ResponseHead {
  status: number
  reason: string
  /** Names in lower case; repeated ones joined by `, `. */
  headers: Map<string, string>
  /** Whether the connection may carry another request once this answer has ended. */
  keepAlive: boolean
}

export interface ResponseSink {
  /** The head of the final answer: 1xx ones are skipped. */
  head(head: ResponseHead): void
  readonly body: BodyBytes
}

/** Reads one HTTP/1.x response from bytes split anywhere. Throws AnswerError (malformed) if it is not one. */
export class ResponseReader {
  /** The answer has ended by its framing. */
  done = false
  /** Only the end of the connection ends it. */
  untilClose = false
  keepAlive = false
  private readonly sink: ResponseSink
  private head: Buffer | null = null
  private inHead = true
  private dechunker: Dechunker | null = null
  private remaining = 0

  constructor(sink: ResponseSink) {
    this.sink = sink
  }

  /** Whether any part of the head has come. */
  get started(): boolean {
    return !this.inHead || this.head !== null
  }

  get inBody(): boolean {
    return !this.inHead
  }

  /** Returns where it stopped: `end`, or just past the answer, then `done`. */
  feed(bytes: Buffer, view: DataView, start: number, end: number): number {
    let at = start
    while (this.inHead && at < end && !this.done) at = this.feedHead(bytes, at, end)
    if (this.done || at >= end) return at
    if (this.dechunker !== null) {
      at = this.dechunker.feed(bytes, view, at, end, this.sink.body)
      if (this.dechunker.done) this.done = true
      return at
    }
    if (this.untilClose) {
      this.sink.body(bytes, view, at, end)
      return end
    }
    const stop = end - at < this.remaining ? end : at + this.remaining
    this.remaining -= stop - at
    if (this.remaining === 0) this.done = true
    this.sink.body(bytes, view, at, stop)
    return stop
  }

  private feedHead(bytes: Buffer, start: number, end: number): number {
    const before = this.head?.length ?? 0
    const all = this.head === null ? bytes.subarray(start, end) : Buffer.concat([this.head, bytes.subarray(start, end)])
    const headEnd = endOfHead(all)
    if ((headEnd < 0 ? all.length : headEnd) > MOST_HEAD_BYTES) {
      throw new AnswerError('malformed', `response headers longer than ${MOST_HEAD_BYTES} bytes`)
    }
    if (headEnd < 0) {
      checkStart(all)
      this.head = Buffer.from(all)
      return end
    }
    this.head = null
    const head = parseHead(all.toString('latin1', 0, headEnd))
    if (head.status === 101) throw new AnswerError('malformed', 'the server switched protocols (101) unasked')
    if (head.status >= 200) this.begin(head)
    return start + headEnd - before
  }

  private begin(head: ResponseHead): void {
    this.inHead = false
    const coding = head.headers.get('transfer-encoding')
    const length = head.headers.get('content-length')
    if (head.status === 204 || head.status === 304) this.done = true
    else if (coding !== undefined) {
      if (coding.trim().toLowerCase() !== 'chunked') {
        throw new AnswerError('malformed', `transfer-encoding ${JSON.stringify(coding)}: only chunked is understood`)
      }
      this.dechunker = new Dechunker()
    } else if (length !== undefined) {
      const values = new Set(length.split(',').map((value) => value.trim()))
      const [value = ''] = values
      if (values.size !== 1 || !/^\d{1,15}$/.test(value)) {
        throw new AnswerError('malformed', `content-length ${JSON.stringify(length.slice(0, 40))} is not a number`)
      }
      this.remaining = Number(value)
      if (this.remaining === 0) this.done = true
    } else this.untilClose = true
    this.keepAlive = head.keepAlive && !this.untilClose
    this.sink.head(head)
  }
}

/** Just past the empty line that ends the head, or -1. Bare LF is taken, as RFC 9112 allows. */
function endOfHead(bytes: Buffer): number {
  for (let lf = bytes.indexOf(LF); lf >= 0; lf = bytes.indexOf(LF, lf + 1)) {
    if (bytes[lf + 1] === LF) return lf + 2
    if (bytes[lf + 1] === CR && bytes[lf + 2] === LF) return lf + 3
  }
  return -1
}

function checkStart(bytes: Buffer): void {
  const start = bytes.toString('latin1', 0, 5)
  if ('HTTP/'.startsWith(start)) return
  // A TLS server answers a plain request with an alert or a record of its own.
  const tls = bytes[0] === 0x15 || bytes[0] === 0x16
  const hint = tls ? '; the server speaks TLS: use https://' : ''
  throw new AnswerError(
    'malformed',
    `expected an HTTP/1.1 status line, got ${excerpt(bytes, 0, bytes.length, 40)}${hint}`,
  )
}

function parseHead(text: string): ResponseHead {
  const lines = text.split(/\r?\n/)
  const line = lines[0] ?? ''
  const match = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/.exec(line)
  if (match === null) {
    checkStart(Buffer.from(line, 'latin1'))
    throw new AnswerError('malformed', `expected an HTTP/1.1 status line, got ${JSON.stringify(line.slice(0, 80))}`)
  }
  const headers = new Map<string, string>()
  for (const field of lines.slice(1)) {
    if (field === '') continue
    const colon = field.indexOf(':')
    if (colon <= 0) {
      throw new AnswerError('malformed', `expected a header "name: value", got ${JSON.stringify(field.slice(0, 80))}`)
    }
    const name = field.slice(0, colon).trim().toLowerCase()
    const value = field.slice(colon + 1).trim()
    const known = headers.get(name)
    headers.set(name, known === undefined ? value : `${known}, ${value}`)
  }
  const connection = headers.get('connection')?.toLowerCase() ?? ''
  const keepAlive = match[1] === '1' ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection)
  return { status: Number(match[2]), reason: match[3] ?? '', headers, keepAlive }
}
