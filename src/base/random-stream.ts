import { createHash } from 'node:crypto'

/** Random choices that are determined by names and numbers: the same names give the same choices on every machine. */
export interface RandomStream {
  /** Uniform in [0, 1), of 32 random bits. */
  uniform(): number
  /** Uniform in [0, 1), of 53 random bits: for logarithms and powers, where the smallest values matter. */
  uniform53(): number
  /** Uniform in 0 … below - 1. */
  below(below: number): number
  pick<T>(from: readonly T[]): T
  shuffled<T>(from: readonly T[]): T[]
}

/** The stream of `names`: sfc32 (Chris Doty-Humphrey's small fast counter) over 128 bits of their SHA-256. */
export function randomStream(...names: readonly (string | number)[]): RandomStream {
  const digest = createHash('sha256').update(JSON.stringify(names)).digest()
  let a = digest.readInt32LE(0)
  let b = digest.readInt32LE(4)
  let c = digest.readInt32LE(8)
  let counter = digest.readInt32LE(12)
  const uniform = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(uniform() * limit)
  return {
    uniform,
    uniform53: () => (Math.floor(uniform() * 2 ** 27) * 2 ** 26 + Math.floor(uniform() * 2 ** 26)) / 2 ** 53,
    below,
    pick: (from) => from[below(from.length)] as (typeof from)[number],
    shuffled(from) {
      const all = [...from]
      for (let i = all.length - 1; i > 0; i--) {
        const j = below(i + 1)
        const held = all[i] as (typeof all)[number]
        all[i] = all[j] as (typeof all)[number]
        all[j] = held
      }
      return all
    },
  }
}
