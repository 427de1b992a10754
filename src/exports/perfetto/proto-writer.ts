const FLUSH_BYTES = 1 << 20
/** Room kept free behind the flush mark: packets of fixed fields are written without asking. */
const SLACK_BYTES = 1 << 16
const TWO_32 = 2 ** 32

/**
 * Writes protobuf's wire format (varint, fixed64, length-delimited) into one buffer that is handed out when it is
 * full. A nested message's length takes one byte until it closes; a longer one moves its bytes up to make room.
 */
export class ProtoWriter {
  private buffer = Buffer.allocUnsafe(FLUSH_BYTES + SLACK_BYTES)
  private at = 0
  private readonly flushTo: (bytes: Uint8Array) => void

  constructor(flushTo: (bytes: Uint8Array) => void) {
    this.flushTo = flushTo
  }

  /** To be called between whole messages only. */
  settle(): void {
    if (this.at >= FLUSH_BYTES) this.flush()
  }

  flush(): void {
    if (this.at > 0) this.flushTo(this.buffer.subarray(0, this.at))
    this.at = 0
  }

  /** A whole number of 0 to 2^53. */
  varint(field: number, value: number): void {
    this.raw(field << 3)
    this.raw(value)
  }

  /** A whole number of any size up to 2^64. */
  bigVarint(field: number, value: bigint): void {
    this.raw(field << 3)
    let rest = BigInt.asUintN(64, value)
    for (; rest >= 0x80n; rest >>= 7n) this.buffer[this.at++] = Number(rest & 0x7fn) | 0x80
    this.buffer[this.at++] = Number(rest)
  }

  double(field: number, value: number): void {
    this.raw((field << 3) | 1)
    this.at = this.buffer.writeDoubleLE(value, this.at)
  }

  fixed64(field: number, value: number): void {
    this.raw((field << 3) | 1)
    this.at = this.buffer.writeUInt32LE(value % TWO_32, this.at)
    this.at = this.buffer.writeUInt32LE(Math.floor(value / TWO_32), this.at)
  }

  text(field: number, value: string): void {
    this.room(value.length * 3 + 16)
    this.raw((field << 3) | 2)
    const start = this.open()
    this.at += this.buffer.write(value, this.at, 'utf8')
    this.closeFrom(start)
  }

  /** Begins a nested message; returns what `end` needs. */
  begin(field: number): number {
    this.raw((field << 3) | 2)
    return this.open()
  }

  end(start: number): void {
    this.closeFrom(start)
  }

  private open(): number {
    return ++this.at
  }

  private closeFrom(start: number): void {
    const length = this.at - start
    if (length < 0x80) {
      this.buffer[start - 1] = length
      return
    }
    const more = length < 1 << 14 ? 1 : length < 1 << 21 ? 2 : length < 1 << 28 ? 3 : 4
    this.room(more)
    this.buffer.copyWithin(start + more, start, this.at)
    this.at = start - 1
    this.raw(length)
    this.at += length
  }

  private raw(value: number): void {
    let rest = value
    while (rest >= 0x80000000) {
      this.buffer[this.at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest >= 0x80) {
      this.buffer[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.buffer[this.at++] = rest
  }

  /** Texts are the only things of unknown size: the buffer grows for one that does not fit. */
  private room(bytes: number): void {
    if (this.at + bytes + SLACK_BYTES / 2 <= this.buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + bytes + SLACK_BYTES))
    this.buffer.copy(grown, 0, 0, this.at)
    this.buffer = grown
  }
}
