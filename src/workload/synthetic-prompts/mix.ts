/** A bijection of 32 bits in which each bit of the input moves half of the output's (Wellons' triple-free `lowbias32`). */
export function mix32(value: number): number {
  let x = value | 0
  x ^= x >>> 16
  x = Math.imul(x, 0x21f0aaad)
  x ^= x >>> 15
  x = Math.imul(x, 0x735a2d97)
  return x ^ (x >>> 15)
}

/** 64 bits as two numbers of 32. */
export interface Key {
  readonly a: number
  readonly b: number
}

/** The key of a number up to 2^53 under another key: another number, another key. */
export function keyOf(salt: Key, kind: number, id: number): Key {
  const low = id | 0
  const high = mix32(Math.floor(id / 2 ** 32) ^ Math.imul(kind, 0x9e3779b9))
  return { a: mix32(salt.a ^ mix32(low ^ high)), b: mix32(salt.b + mix32(low ^ mix32(high + 0x632be5ab))) }
}

/** The `index`-th 32 bits of a key's stream, as a fraction of 1. */
export function fractionAt(key: Key, index: number): number {
  return (mix32(mix32(key.a + Math.imul(index, 0x9e3779b9)) ^ key.b) >>> 0) / 2 ** 32
}
