const FIRST_NAMES = 1 << 12
const ARENA_BYTES = 1 << 18
/** How many bytes of a name are hashed, evenly spread: names are long and most events repeat one. */
const HASHED_BYTES = 24

/** Numbers for texts that lie as bytes in a buffer; each distinct text is decoded once. Ids count from 0. */
export class NameTable {
  /** Decoded texts that no caller has taken yet. */
  private fresh: string[] = []
  private slots = new Int32Array(FIRST_NAMES * 2).fill(-1)
  private hashes = new Int32Array(FIRST_NAMES)
  private starts = new Float64Array(FIRST_NAMES + 1)
  private arena = new Uint8Array(ARENA_BYTES)
  private used = 0
  count = 0

  /** The id of `buf[from, to)`, the inside of a JSON string. */
  intern(buf: Uint8Array, from: number, to: number): number {
    const length = to - from
    const step = length <= HASHED_BYTES ? 1 : (length / HASHED_BYTES) | 0
    let hash = length
    for (let i = from; i < to; i += step) hash = Math.imul(hash ^ buf[i]!, 0x01000193)
    hash ^= hash >>> 15
    const mask = this.slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.slots[slot]!
      if (id === -1) return this.add(buf, from, to, hash, slot)
      if (this.hashes[id] === hash && this.same(id, buf, from, length)) return id
    }
  }

  /** The texts added since the last call, in the order of their ids. */
  takeFresh(): string[] {
    const fresh = this.fresh
    this.fresh = []
    return fresh
  }

  private same(id: number, buf: Uint8Array, from: number, length: number): boolean {
    const start = this.starts[id]!
    if (this.starts[id + 1]! - start !== length) return false
    const { arena } = this
    for (let i = 0; i < length; i++) if (arena[start + i] !== buf[from + i]) return false
    return true
  }

  private add(buf: Uint8Array, from: number, to: number, hash: number, slot: number): number {
    const id = this.count++
    this.slots[slot] = id
    if (id + 1 >= this.starts.length) this.grow()
    this.hashes[id] = hash
    if (this.used + to - from > this.arena.length) {
      const larger = new Uint8Array(Math.max(this.arena.length * 2, this.used + to - from))
      larger.set(this.arena.subarray(0, this.used))
      this.arena = larger
    }
    this.arena.set(buf.subarray(from, to), this.used)
    this.used += to - from
    this.starts[id + 1] = this.used
    this.fresh.push(decodeText(buf, from, to))
    if (this.count * 2 > this.slots.length) this.rehash()
    return id
  }

  private grow(): void {
    const starts = new Float64Array(this.starts.length * 2)
    starts.set(this.starts)
    this.starts = starts
    const hashes = new Int32Array(this.hashes.length * 2)
    hashes.set(this.hashes)
    this.hashes = hashes
  }

  private rehash(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(-1)
    const mask = this.slots.length - 1
    for (let id = 0; id < this.count; id++) {
      let slot = this.hashes[id]! & mask
      while (this.slots[slot] !== -1) slot = (slot + 1) & mask
      this.slots[slot] = id
    }
  }
}

/** The text of a JSON string's inside; where its escapes are no JSON, they stay as they stand. */
export function decodeText(buf: Uint8Array, from: number, to: number): string {
  const text = Buffer.from(buf.buffer, buf.byteOffset + from, to - from).toString('utf8')
  if (!text.includes('\\')) return text
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    return text
  }
}
