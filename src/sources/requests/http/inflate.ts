import { constants, createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { AnswerError } from '../stream/answer-error.ts'
import type { ReadStamps } from '../stream/read-stamps.ts'

const DECODERS = {
  gzip: () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  'x-gzip': () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  deflate: () => createInflate({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
} as const

/** Of one read of at most 64 KiB; ordinary text unpacks to far less than this. */
const MOST_OF_A_PIECE = 64 * 1024 * 1024

interface Piece {
  bytes: Buffer
  tNs: number
  lateNs: number
}

export interface InflateSink {
  /** Decoded bytes; the stamps are those of the read that brought them. */
  inflated(bytes: Buffer): void
  /** All that was pushed is decoded. */
  inflateDrained(): void
  inflateEnded(error: AnswerError | null): void
}

/**
 * Decodes a body that was compressed although `identity` was requested. One piece after the other, so that the output
 * keeps the time of the read that brought it.
 */
export class Inflate {
  /** Pieces not decoded yet. */
  readonly queue: Piece[] = []
  private readonly decoder: ReturnType<(typeof DECODERS)[keyof typeof DECODERS]>
  private readonly stamps: ReadStamps
  private readonly sink: InflateSink
  private out: Buffer[] = []
  private outBytes = 0
  private busy = false
  private ending = false
  private stopped = false

  constructor(name: keyof typeof DECODERS, stamps: ReadStamps, sink: InflateSink) {
    this.stamps = stamps
    this.sink = sink
    this.decoder = DECODERS[name]()
    this.decoder.on('readable', () => this.drain())
    this.decoder.on('error', (error) => {
      const cut = 'code' in error && error.code === 'Z_BUF_ERROR'
      const what = cut ? `the ${name} body ended early` : `the ${name} body is broken: ${error.message}`
      this.stop(new AnswerError(cut ? 'truncated' : 'malformed', what))
    })
    this.decoder.on('end', () => this.stop(null))
  }

  /** The decoder of a `content-encoding`, or null for identity. Throws AnswerError on one that is not known. */
  static of(coding: string | undefined, stamps: ReadStamps, sink: InflateSink): Inflate | null {
    const name = (coding ?? 'identity').trim().toLowerCase()
    if (name === 'identity' || name === '') return null
    if (!Object.hasOwn(DECODERS, name)) {
      throw new AnswerError(
        'malformed',
        `content-encoding ${JSON.stringify(coding)}: expected gzip, deflate, br or none`,
      )
    }
    return new Inflate(name as keyof typeof DECODERS, stamps, sink)
  }

  push(bytes: Buffer, start: number, end: number): void {
    const { tNs, lateNs } = this.stamps
    this.queue.push({ bytes: Buffer.from(bytes.subarray(start, end)), tNs, lateNs })
    this.work()
  }

  end(): void {
    this.ending = true
    this.work()
  }

  /** The sink receives nothing more. */
  destroy(): void {
    this.stopped = true
    this.decoder.destroy()
  }

  private work(): void {
    if (this.busy || this.stopped) return
    const piece = this.queue.shift()
    if (piece === undefined) {
      if (this.ending) this.decoder.end()
      return
    }
    this.busy = true
    this.decoder.write(piece.bytes, (error) => {
      this.busy = false
      if (error !== null && error !== undefined) return
      this.drain()
      this.deliver(piece)
      if (this.queue.length === 0 && !this.stopped) this.sink.inflateDrained()
      this.work()
    })
  }

  private read(): Buffer | null {
    return this.stopped ? null : this.decoder.read()
  }

  private drain(): void {
    for (let piece = this.read(); piece !== null; piece = this.read()) this.take(piece)
  }

  /** A few bytes may hold gigabytes of zeros. */
  private take(piece: Buffer): void {
    this.outBytes += piece.length
    if (this.outBytes <= MOST_OF_A_PIECE) this.out.push(piece)
    else this.stop(new AnswerError('malformed', `the body unpacks to more than ${MOST_OF_A_PIECE} bytes from one read`))
  }

  private deliver(piece: Piece): void {
    const out = this.out
    this.out = []
    this.outBytes = 0
    if (this.stopped || out.length === 0) return
    this.stamps.put(piece.tNs, piece.lateNs)
    this.sink.inflated(out.length === 1 ? out[0]! : Buffer.concat(out))
  }

  private stop(error: AnswerError | null): void {
    if (this.stopped) return
    this.stopped = true
    this.decoder.destroy()
    this.sink.inflateEnded(error)
  }
}
