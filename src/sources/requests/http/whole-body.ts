import { excerpt, shortened } from '../stream/answer-error.ts'
import { errorWords } from '../stream/answer-problem.ts'

const SPACE = 0x20
const SSE_START = /^(\uFEFF)?(data|event|id|retry)?:/

/** A body that is read as a whole: an answer that is not streamed, or an error. Bytes past `most` are not kept. */
export class WholeBody {
  bytes = 0
  /** Nothing but white space so far: what some gateways send to keep a connection alive. */
  blank = true
  private readonly most: number
  private readonly pieces: Buffer[] = []

  constructor(most: number) {
    this.most = most
  }

  push(bytes: Buffer, start: number, end: number): void {
    for (let at = start; this.blank && at < end; at++) this.blank = (bytes[at] as number) <= SPACE
    const room = this.most - this.bytes
    if (room > 0) this.pieces.push(Buffer.from(bytes.subarray(start, Math.min(end, start + room))))
    this.bytes += end - start
  }

  get cut(): boolean {
    return this.bytes > this.most
  }

  /** All that was kept, in one piece. */
  joined(): Buffer {
    if (this.pieces.length > 1) this.pieces.splice(0, this.pieces.length, Buffer.concat(this.pieces))
    return this.pieces[0] ?? Buffer.alloc(0)
  }

  /** Whether it is an event stream in spite of its content-type; undefined while too little has arrived to decide. */
  looksLikeEvents(): boolean | undefined {
    const start = this.joined().toString('utf8', 0, 16)
    if (SSE_START.test(start)) return true
    return start.length >= 9 || /[\s{<[]/.test(start) ? false : undefined
  }

  /** The body as JSON; undefined where it is none. */
  json(): unknown {
    try {
      return JSON.parse(
        this.joined()
          .toString('utf8')
          .replace(/^\uFEFF/, ''),
      )
    } catch {
      return undefined
    }
  }

  /** The server's own message in an error body, shortened; empty where the body is. */
  message(): string {
    const own = errorWords(this.json())
    if (own !== null) return shortened(own)
    return this.bytes === 0 ? '' : excerpt(this.joined(), 0, Math.min(this.bytes, this.most), 200)
  }
}
