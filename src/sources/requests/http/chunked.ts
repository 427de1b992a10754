import { AnswerError, excerpt } from '../stream/answer-error.ts'

const LF = 10
const CR = 13
const SEMICOLON = 59
const SPACE = 32
const TAB = 9

const SIZE = 0
const EXTENSION = 1
const SIZE_LF = 2
const DATA = 3
const DATA_CR = 4
const DATA_LF = 5
const TRAILER_START = 6
const TRAILER = 7
const LAST_LF = 8
const DONE = 9

/** 2^40: far past any answer, and exact in a double. */
const MOST_BYTES = 2 ** 40

/** Gets the body's bytes, in place: they are gone after the call. */
export type BodyBytes = (bytes: Buffer, view: DataView, start: number, end: number) => void

/** Removes HTTP/1.1 chunked framing, in place and split at any byte. Trailers are read and dropped. */
export class Dechunker {
  private state = SIZE
  private size = 0
  private digits = 0

  get done(): boolean {
    return this.state === DONE
  }

  /** Returns where it stopped: `end`, or just past the body. Throws AnswerError where the framing is broken. */
  feed(bytes: Buffer, view: DataView, start: number, end: number, body: BodyBytes): number {
    let at = start
    while (at < end) {
      switch (this.state) {
        case DATA: {
          const stop = end - at < this.size ? end : at + this.size
          this.size -= stop - at
          if (this.size === 0) this.state = DATA_CR
          body(bytes, view, at, stop)
          at = stop
          break
        }
        case DATA_CR:
          if (bytes[at] === CR) {
            at++
            this.state = DATA_LF
            break
          }
          if (bytes[at] !== LF) throw broken('a line end after the chunk', bytes, at, end)
          this.state = DATA_LF
          break
        case DATA_LF:
          if (bytes[at] !== LF) throw broken('a line end after the chunk', bytes, at, end)
          at++
          this.state = SIZE
          this.digits = 0
          break
        case SIZE:
          at = this.readSize(bytes, at, end)
          break
        case EXTENSION:
          while (at < end && bytes[at] !== LF) at++
          if (at < end) {
            at++
            this.sizeRead()
          }
          break
        case SIZE_LF:
          if (bytes[at] !== LF) throw broken('a line end after the chunk size', bytes, at, end)
          at++
          this.sizeRead()
          break
        case TRAILER_START:
          if (bytes[at] === CR) this.state = LAST_LF
          else if (bytes[at] === LF) this.state = DONE
          else this.state = TRAILER
          at++
          if (this.state === DONE) return at
          break
        case TRAILER:
          while (at < end && bytes[at] !== LF) at++
          if (at < end) {
            at++
            this.state = TRAILER_START
          }
          break
        case LAST_LF:
          if (bytes[at] !== LF) throw broken('a line end after the last chunk', bytes, at, end)
          this.state = DONE
          return at + 1
        default:
          return at
      }
    }
    return at
  }

  private readSize(bytes: Buffer, start: number, end: number): number {
    let at = start
    let size = this.digits === 0 ? 0 : this.size
    while (at < end) {
      const c = bytes[at]!
      const digit = hexDigit(c)
      if (digit >= 0) {
        size = size * 16 + digit
        if (size > MOST_BYTES) throw broken('a chunk size', bytes, start, end)
        this.digits++
        at++
        continue
      }
      if (this.digits === 0) throw broken('a chunk size in hexadecimal', bytes, start, end)
      if (c === CR) this.state = SIZE_LF
      else if (c === LF) {
        this.size = size
        this.sizeRead()
        return at + 1
      } else if (c === SEMICOLON || c === SPACE || c === TAB) this.state = EXTENSION
      else throw broken('a chunk size in hexadecimal', bytes, start, end)
      at++
      break
    }
    this.size = size
    return at
  }

  private sizeRead(): void {
    this.state = this.size === 0 ? TRAILER_START : DATA
  }
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48
  const lower = c | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

function broken(expected: string, bytes: Buffer, at: number, end: number): AnswerError {
  return new AnswerError(
    'malformed',
    `broken chunked framing: expected ${expected}, got ${excerpt(bytes, at, end, 24)}`,
  )
}
