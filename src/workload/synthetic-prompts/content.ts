import { createHash } from 'node:crypto'
import { fractionAt, type Key, keyOf } from './mix.ts'

/** So many entries of a content are drawn one by one: no two contents begin alike. */
const HEAD = 16
/** After them come runs of this many entries, cut from one long random text: 16 times faster. */
const RUN = 64
const POOL = 65_536

/** What a content belongs to; contents of different kinds never meet. */
const KINDS = { own: 1, block: 2, prefix: 3, session: 4, pool: 5 } as const

/**
 * Random contents, each an endless row of entries that its name decides. An entry is the text of one token: `123,` or
 * ` river`. Any part of a content can be had without the rest. The same salt, the same contents.
 */
export class Contents {
  private readonly entries: readonly string[]
  private readonly salt: Key
  private readonly pool: string
  /** Where entry i of the pool begins in it. */
  private readonly starts: Uint32Array

  constructor(entries: readonly string[], salt: string) {
    const digest = createHash('sha256').update(salt).digest()
    this.entries = entries
    this.salt = { a: digest.readInt32LE(0), b: digest.readInt32LE(4) }
    const key = keyOf(this.salt, KINDS.pool, 0)
    const parts: string[] = []
    this.starts = new Uint32Array(POOL + RUN + 1)
    let length = 0
    for (let i = 0; i < POOL + RUN; i++) {
      const entry = this.entry(key, i % POOL)
      this.starts[i] = length
      length += entry.length
      parts.push(entry)
    }
    this.starts[POOL + RUN] = length
    this.pool = parts.join('')
  }

  /** Of one request, by its index: shared with no other. */
  own(index: number): Key {
    return keyOf(this.salt, KINDS.own, index)
  }

  block(id: number): Key {
    return keyOf(this.salt, KINDS.block, id)
  }

  prefix(id: number): Key {
    return keyOf(this.salt, KINDS.prefix, id)
  }

  session(id: string): Key {
    const digest = createHash('sha256').update(id).digest()
    const under = { a: this.salt.a ^ digest.readInt32LE(0), b: this.salt.b ^ digest.readInt32LE(4) }
    return keyOf(under, KINDS.session, 0)
  }

  /** Appends the first `count` entries of a content, in pieces of text. */
  append(parts: string[], key: Key, count: number): void {
    const { pool, starts } = this
    const head = Math.min(HEAD, count)
    for (let i = 0; i < head; i++) parts.push(this.entry(key, i))
    for (let at = HEAD; at < count; at += RUN) {
      const from = Math.floor(fractionAt(key, at) * POOL)
      parts.push(pool.slice(starts[from], starts[from + Math.min(RUN, count - at)]))
    }
  }

  private entry(key: Key, index: number): string {
    return this.entries[Math.floor(fractionAt(key, index) * this.entries.length)] ?? ''
  }
}
