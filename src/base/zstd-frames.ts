/** The limit of other decoders by default: 128 MiB. */
const MOST_WINDOW_BYTES = 128 * 2 ** 20
/** Of one block, unpacked. RFC 8878, 3.1.1.2.4. */
const MOST_BLOCK_BYTES = 128 * 2 ** 10
const SKIPPABLE = 0x184d2a5
const FRAME = 0xfd2fb528
/** Magic, descriptor, window, dictionary id, content size. */
const MOST_HEAD_BYTES = 4 + 1 + 1 + 4 + 8
const RLE = 1

/**
 * Walks the frames of a zstd file, whose headers name the window that a decoder has to keep, up to 2 GB each. Files
 * that are not zstd are left to the decoder. RFC 8878, 3.1.1 and 3.1.2.
 */
export class ZstdFrames {
  private state: 'frame' | 'block' | 'foreign' = 'frame'
  private readonly head = Buffer.alloc(MOST_HEAD_BYTES)
  private headBytes = 0
  /** Bytes that can be skipped. */
  private skip = 0
  private checksum = 0

  /** Why a decoder should not be given the next piece of the file, in words, or null. Call it with every piece. */
  problem(piece: Uint8Array): string | null {
    let at = 0
    while (at < piece.length && this.state !== 'foreign') {
      const skipped = Math.min(this.skip, piece.length - at)
      this.skip -= skipped
      at += skipped
      if (at === piece.length) return null
      this.head[this.headBytes++] = piece[at++] as number
      const problem = this.state === 'frame' ? this.frame() : this.block()
      if (problem !== null) return problem
    }
    return null
  }

  private frame(): string | null {
    const { head, headBytes } = this
    if (headBytes < 5) return null
    const magic = head.readUInt32LE(0)
    if (magic >>> 4 === SKIPPABLE) {
      if (headBytes === 8) this.next('frame', head.readUInt32LE(4))
      return null
    }
    if (magic !== FRAME) {
      this.state = 'foreign'
      return null
    }
    const descriptor = head[4] as number
    const single = (descriptor & 0x20) !== 0
    const at = (single ? 5 : 6) + ([0, 1, 2, 4][descriptor & 3] as number)
    const sizeBytes = descriptor >> 6 === 0 ? Number(single) : 1 << (descriptor >> 6)
    if (headBytes < at + sizeBytes) return null
    this.checksum = (descriptor & 4) === 0 ? 0 : 4
    this.next('block', 0)
    // A frame of one segment keeps all of its content.
    const window = single ? contentSize(head, at, sizeBytes) : windowSize(head[5] as number)
    if (window <= MOST_WINDOW_BYTES) return null
    const [is, most] = [window, MOST_WINDOW_BYTES].map((bytes) => Math.round(bytes / 2 ** 20))
    return `a window of ${is} MiB; up to ${most} MiB are taken`
  }

  private block(): string | null {
    if (this.headBytes < 3) return null
    const head = this.head.readUIntLE(0, 3)
    const size = head >> 3
    if (size > MOST_BLOCK_BYTES) {
      return `a block of ${Math.round(size / 1024)} KiB; a block of zstd has up to ${MOST_BLOCK_BYTES / 1024} KiB`
    }
    const bytes = ((head >> 1) & 3) === RLE ? 1 : size
    if ((head & 1) === 1) this.next('frame', bytes + this.checksum)
    else this.next('block', bytes)
    return null
  }

  private next(state: 'frame' | 'block', skip: number): void {
    this.state = state
    this.skip = skip
    this.headBytes = 0
  }
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3))
  return base + (base / 8) * (byte & 7)
}

function contentSize(head: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(head.readBigUInt64LE(at))
  return head.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0)
}
