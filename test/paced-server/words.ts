/** The texts that the server says, one a token, over and over: a period of `PERIOD` tokens. */
export const PERIOD = 64

const ASCII = Array.from({ length: PERIOD }, (_, i) => ` ${String.fromCharCode(97 + (i % 26))}${i}`)
/** Two-, three- and four-byte characters, an emoji of several code points, and escapes. */
const UTF8 = Array.from({ length: PERIOD }, (_, i) => [' é', ' 日本', ' 🙂', ' 👩‍🚀', ' "\\\n', ' ß'][i % 6]! + i)

export function word(index: number, text: 'ascii' | 'utf8'): string {
  return (text === 'ascii' ? ASCII : UTF8)[index % PERIOD]!
}

/** Token ids are the index of the word, from 100. */
export function tokenId(index: number): number {
  return 100 + (index % PERIOD)
}

/** One token a word, as /tokenize and prompt_tokens count. */
export function tokenize(text: string): number[] {
  return (text.match(/\s*\S+/g) ?? []).map((piece) => 1000 + (piece.length % 500))
}

/** A seeded draw in [0, 1): mulberry32. */
export function seededDraws(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
