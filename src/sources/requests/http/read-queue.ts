import type { ReadStamps } from '../stream/read-stamps.ts'

const ARENA_BYTES = 512 * 1024
const MOST_READS = 4096
/** Copying more than this takes longer than the delay it avoids. */
const LARGE_BYTES = 16 * 1024

/** Whose bytes they are. */
export interface ByteReader {
  /** It takes nothing any more. */
  readonly gone: boolean
  readonly user: { received(bytes: Buffer, view: DataView, start: number, end: number): void }
}

/**
 * What one pass of the event loop read, stamped as it is read and used after all sockets were read: with hundreds of
 * streams active at once, stamps are then delayed only by reading, not by handling texts, rows and next requests.
 */
export class ReadQueue {
  private readonly stamps: ReadStamps
  private readonly settle: () => void
  private readonly arena = Buffer.allocUnsafeSlow(ARENA_BYTES)
  private readonly view = new DataView(this.arena.buffer)
  private readonly connections: (ByteReader | null)[] = []
  private readonly ends = new Uint32Array(MOST_READS)
  private readonly tNs = new Float64Array(MOST_READS)
  private readonly lateNs = new Float64Array(MOST_READS)
  private length = 0
  private used = 0

  /** `settle` runs after the bytes of each read were used. */
  constructor(stamps: ReadStamps, settle: () => void) {
    this.stamps = stamps
    this.settle = settle
  }

  /** Bytes read for a connection, in `bytes` from 0 to `end`: to be called in the read's own callback. */
  add(connection: ByteReader, bytes: Buffer, view: DataView, end: number): void {
    const { stamps } = this
    if (this.length === MOST_READS || this.used + end > ARENA_BYTES) this.flush()
    // Before the stamps see the first read of a pass: they measure to the end of the pass, and this belongs to it.
    if (this.length === 0) setImmediate(this.flush)
    stamps.take()
    if (end >= LARGE_BYTES) {
      const { tNs, lateNs } = stamps
      this.flush()
      stamps.put(tNs, lateNs)
      this.use(connection, bytes, view, 0, end)
      return
    }
    bytes.copy(this.arena, this.used, 0, end)
    this.used += end
    const at = this.length++
    this.connections[at] = connection
    this.ends[at] = this.used
    this.tNs[at] = stamps.tNs
    this.lateNs[at] = stamps.lateNs
  }

  /** Uses what was read so far: before anything else of a connection is reported. */
  readonly flush = (): void => {
    // Using bytes may end a connection, which calls this again.
    const { length } = this
    this.length = 0
    this.used = 0
    let start = 0
    for (let at = 0; at < length; at++) {
      const end = this.ends[at] as number
      this.stamps.put(this.tNs[at] as number, this.lateNs[at] as number)
      this.use(this.connections[at] as ByteReader, this.arena, this.view, start, end)
      this.connections[at] = null
      start = end
    }
  }

  private use(connection: ByteReader, bytes: Buffer, view: DataView, start: number, end: number): void {
    if (connection.gone) return
    connection.user.received(bytes, view, start, end)
    this.settle()
  }
}
