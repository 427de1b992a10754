import type { Arrival } from '../arrivals/arrival.ts'
import { mix32 } from './mix.ts'
import { Recent } from './recent.ts'

/** At 512 tokens a block 134 M tokens, at 16 four million: more than a server holds. About 30 MB at most. */
export const MOST_BLOCKS = 262_144
export const MOST_SESSIONS = 65_536

/**
 * How many tokens at the start of each prompt an earlier one also had. It must see every arrival of the schedule in its
 * order. Derived from what the prompts are made of, not by comparing tokens: two random contents may start alike by
 * chance.
 */
export class IntendedCache {
  /** Tokens seen of each block behind the same blocks before it. */
  private readonly blocks: Recent<number>
  /** The longest prompt of each conversation. */
  private readonly sessions: Recent<string>
  private readonly prefixes: Recent<number>

  constructor(mostBlocks = MOST_BLOCKS, mostSessions = MOST_SESSIONS) {
    this.blocks = new Recent(mostBlocks)
    this.sessions = new Recent(mostSessions)
    this.prefixes = new Recent(mostSessions)
  }

  /** `tokens`: what the prompt has of its content. */
  see(arrival: Arrival, tokens: number): number {
    const { blocks, session, prefix } = arrival
    if (blocks !== null) return this.seeBlocks(blocks.ids, blocks.blockTokens, tokens)
    const inPrefix = prefix === undefined ? 0 : Math.min(prefix.tokens, tokens)
    const ofPrefix = prefix === undefined ? 0 : Math.min(inPrefix, this.prefixes.raise(prefix.id, inPrefix))
    if (session === null) return ofPrefix
    return Math.max(ofPrefix, Math.min(tokens, this.sessions.raise(session.id, tokens)))
  }

  private seeBlocks(ids: readonly number[], blockTokens: number, tokens: number): number {
    let a = 0
    let b = 0
    let cached = 0
    let left = tokens
    let same = true
    for (let i = 0; i < ids.length && left > 0; i++) {
      const id = ids[i] ?? 0
      // Two hashes of all ids up to here, 53 bits of them as one number.
      a = mix32(a ^ mix32((id | 0) + 0x9e3779b9))
      b = mix32(Math.imul(b, 31) + mix32((id | 0) ^ mix32(Math.floor(id / 2 ** 32) + 0x632be5ab)))
      const own = Math.min(blockTokens, left)
      const seen = this.blocks.raise((a >>> 0) * 2 ** 21 + (b >>> 11), own)
      if (same) cached += Math.min(seen, own)
      same &&= seen >= own
      left -= own
    }
    return cached
  }
}
