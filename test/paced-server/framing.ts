import { crc32, deflateRawSync, constants as zlib } from 'node:zlib'
import type { Behaviour } from './behaviour.ts'

/** How a body's bytes are carried: content coding, then transfer framing. */
export class Framing {
  private readonly b: Behaviour
  private crc = 0
  private length = 0
  private opened = false

  constructor(behaviour: Behaviour) {
    this.b = behaviour
  }

  /** Header lines for it; `length` is the whole body's, if it must be announced. */
  headers(length: number): string {
    const coding = this.b.gzip ? 'content-encoding: gzip\r\n' : ''
    if (this.b.framing === 'content_length') return `${coding}content-length: ${length}\r\n`
    if (this.b.framing === 'close') return `${coding}connection: close\r\n`
    return `${coding}transfer-encoding: chunked\r\n${this.b.trailers ? 'trailer: x-trailer\r\n' : ''}`
  }

  /** Each text is carried as it is, in a chunk of its own where there are any. */
  get isPlain(): boolean {
    return !this.b.gzip && this.b.chunk_bytes === 0
  }

  /** The bytes of texts that leave together. */
  frame(texts: readonly string[]): string | Buffer {
    const plain = this.isPlain
    if (plain && this.b.framing !== 'chunked') return texts.join('')
    if (plain) {
      let out = ''
      for (const text of texts) out += `${this.size(Buffer.byteLength(text))}${text}\r\n`
      return out
    }
    const body = Buffer.from(texts.join(''))
    return this.carry(this.b.gzip ? this.compress(body) : body)
  }

  /** What ends the body. */
  end(): Buffer {
    const tail = this.b.gzip ? this.carry(this.gzipEnd()) : Buffer.alloc(0)
    if (this.b.framing !== 'chunked') return tail
    return Buffer.concat([tail, Buffer.from(`0\r\n${this.b.trailers ? 'x-trailer: the end\r\n' : ''}\r\n`)])
  }

  private carry(body: Buffer): Buffer {
    if (this.b.framing !== 'chunked' || body.length === 0) return body
    const step = this.b.chunk_bytes > 0 ? this.b.chunk_bytes : body.length
    const parts: Buffer[] = []
    for (let at = 0; at < body.length; at += step) {
      const part = body.subarray(at, at + step)
      parts.push(Buffer.from(this.size(part.length)), part, Buffer.from('\r\n'))
    }
    return Buffer.concat(parts)
  }

  private size(bytes: number): string {
    return `${bytes.toString(16)}${this.b.chunk_extension ? ';part=1' : ''}\r\n`
  }

  /** One gzip stream in sync-flushed blocks, each of which can be read as soon as it has come. */
  private compress(body: Buffer): Buffer {
    this.crc = crc32(body, this.crc)
    this.length += body.length
    const block = deflateRawSync(body, { finishFlush: zlib.Z_SYNC_FLUSH })
    return Buffer.concat([this.gzipStart(), block])
  }

  private gzipStart(): Buffer {
    const start = this.opened ? [] : [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
    this.opened = true
    return Buffer.from(start)
  }

  private gzipEnd(): Buffer {
    const end = Buffer.alloc(10)
    end.writeUInt16LE(0x0003, 0)
    end.writeUInt32LE(this.crc >>> 0, 2)
    end.writeUInt32LE(this.length >>> 0, 6)
    return Buffer.concat([this.gzipStart(), end])
  }
}
