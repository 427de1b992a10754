import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { Duplex, pipeline, type Readable } from 'node:stream'
import zlib from 'node:zlib'
import { settledBy } from '../../../base/bounded-wait.ts'
import { errorText } from '../../../base/errors.ts'
import { unzstd } from '../../../base/unzstd.ts'

/** A file's bytes, unpacked. */
export interface ByteSource {
  /** Reads at least one byte into `into` from `at` on; 0 at the end. */
  read(into: Uint8Array, at: number): Promise<number>
  /** Bytes of the file taken so far, and in all. */
  progress(): { done: number; total: number }
  /** Why the end came early, where a compressed file is damaged or cut off. */
  readonly damage: string | null
  close(): void
}

const MAGIC_BYTES = 4

/** Opens a file, plain or packed by gzip or zstd: recognized by its first bytes, not by its name. */
export async function openBytes(path: string): Promise<ByteSource> {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(MAGIC_BYTES)
    const length = readSync(fd, head, 0, MAGIC_BYTES, 0)
    const total = fstatSync(fd).size
    if (length > 1 && head[0] === 0x1f && head[1] === 0x8b) return packed(path, total, zlib.createGunzip(UNPACKED))
    if (length === MAGIC_BYTES && head.readUInt32LE(0) === 0xfd2fb528) return packed(path, total, zstdStream())
    return new PlainBytes(path, total)
  } finally {
    closeSync(fd)
  }
}

const UNPACKED = { chunkSize: 1 << 20 }

class PlainBytes implements ByteSource {
  readonly damage = null
  private readonly fd: number
  private readonly total: number
  private done = 0

  constructor(path: string, total: number) {
    this.fd = openSync(path, 'r')
    this.total = total
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    const bytes = readSync(this.fd, into, at, into.length - at, null)
    this.done += bytes
    return bytes
  }

  progress() {
    return { done: this.done, total: this.total }
  }

  close(): void {
    closeSync(this.fd)
  }
}

/** Unpacks zstd as a stream; Node has its own from 22.15 on. */
function zstdStream(): Duplex {
  if ('createZstdDecompress' in zlib) return (zlib.createZstdDecompress as (options: object) => Duplex)(UNPACKED)
  return Duplex.from(async function* (pieces: AsyncIterable<Uint8Array>) {
    // Copies: they wait in the stream while the next is unpacked.
    for await (const unpacked of unzstd(pieces)) yield Buffer.from(unpacked)
  })
}

function packed(path: string, total: number, unpack: NodeJS.ReadWriteStream & Readable): ByteSource {
  const file = createReadStream(path, { highWaterMark: 1 << 18 })
  const ended = settledBy<string | null>('the end of the file, or `close`', (resolve) =>
    pipeline(file, unpack, (error) => resolve(error == null ? null : errorText(error))),
  )
  return new StreamBytes(
    unpack,
    total,
    () => file.bytesRead,
    ended,
    () => file.destroy(),
  )
}

/** What a decompressor puts out; the end of a damaged file is the end of what it could unpack. */
class StreamBytes implements ByteSource {
  damage: string | null = null
  private readonly stream: Readable
  private readonly total: number
  private readonly taken: () => number
  private readonly ended: Promise<string | null>
  private readonly stop: () => void
  private over = false
  private rest: Buffer | null = null

  constructor(stream: Readable, total: number, taken: () => number, ended: Promise<string | null>, stop: () => void) {
    this.stream = stream
    this.total = total
    this.taken = taken
    this.ended = ended
    this.stop = stop
    void ended.then((damage) => {
      this.damage = damage
    })
    stream.on('error', () => {
      this.over = true
    })
    stream.on('end', () => {
      this.over = true
    })
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    const piece = this.rest ?? (await this.next())
    if (piece === null) {
      this.damage = await this.ended
      return 0
    }
    const room = into.length - at
    into.set(piece.length <= room ? piece : piece.subarray(0, room), at)
    this.rest = piece.length <= room ? null : piece.subarray(room)
    const bytes = Math.min(piece.length, room)
    return bytes
  }

  progress() {
    return { done: Math.min(this.total, this.taken()), total: this.total }
  }

  close(): void {
    this.stop()
    this.stream.destroy()
  }

  private async next(): Promise<Buffer | null> {
    for (;;) {
      const piece = this.stream.read() as Buffer | null
      if (piece !== null) return piece
      if (this.over || this.stream.destroyed) return null
      await settledBy<void>('the end of the file, or `close`', (resolve) => {
        const wake = () => {
          for (const name of ['readable', 'end', 'error', 'close']) this.stream.off(name, wake)
          resolve()
        }
        for (const name of ['readable', 'end', 'error', 'close']) this.stream.on(name, wake)
      })
    }
  }
}
