import type { RandomStream } from '../../base/random-stream.ts'
import { LEADING } from './story-words.ts'

export interface FitRequest {
  /** Tokens that the text must have, `head` included. */
  size: number
  /** Comes first and stays as it is; empty for none. */
  head: string
  /** What may be cut between any two, as `unitsOf` gives them. */
  units: readonly string[]
  /** First estimate of the tokens of a unit; a bad one costs time, never exactness. */
  tokensPerUnit: number
  /** Words to fill up the last tokens with. */
  fillers: readonly string[]
  random: RandomStream
}

export type Fitted = { text: string } | { failed: 'too-short'; tokens: number } | { failed: 'missed' }

/** A text this short gets no full stop of its own. */
const LEAST_CLOSED = 4
const ROUNDS = 4
const MOST_FILLED = 4
/** Long texts are counted once up to here before their end, then only after it. */
const WINDOW_UNITS = 160
const SENTENCE_END = /[.!?…。！？]["'”’)]*$/

/** Words, each with the blanks before it; for scripts without blanks, what Unicode takes for words. */
export function unitsOf(text: string): string[] {
  const clean = text.trim().replaceAll(/\s+/g, ' ')
  const units = clean.match(/ ?[^ ]+/g) ?? []
  if (units.every((unit) => unit.length <= 40)) return units
  return [...new Intl.Segmenter(undefined, { granularity: 'word' }).segment(clean)].map(({ segment }) => segment)
}

/**
 * The longest beginning of `units`, made to end like a sentence, that has exactly `size` tokens by `count`; the last few
 * tokens are made up with fillers. What it returns was counted as it is, whole.
 */
export async function fitText(count: (text: string) => Promise<number>, request: FitRequest): Promise<Fitted> {
  const search = new Search(count, request)
  // Counts of pieces may add up to more or less than the whole: then the search corrects its aim by the difference.
  let aim = request.size
  for (let round = 0; round < ROUNDS; round++) {
    const found = await search.textOf(aim)
    if ('failed' in found) return found
    const real = await count(found.text)
    if (real === request.size) return found
    aim += request.size - real
  }
  return { failed: 'missed' }
}

class Search {
  private readonly count: (text: string) => Promise<number>
  private readonly request: FitRequest
  private readonly closed: boolean
  private anchor: { units: number; tokens: number } | null = null

  constructor(count: (text: string) => Promise<number>, request: FitRequest) {
    this.count = count
    this.request = request
    this.closed = request.size >= LEAST_CLOSED
  }

  /** A text that counts `aim` tokens, its pieces counted apart. */
  async textOf(aim: number): Promise<Fitted> {
    const { units, tokensPerUnit } = this.request
    let low = 0
    let lowTokens = 0
    let high = units.length + 1
    let next = Math.round(aim / tokensPerUnit)
    while (high - low > 1) {
      const at = next > low && next < high ? next : low + Math.ceil((high - low) / 2)
      const tokens = await this.measure(at, [])
      if (tokens === aim) return { text: this.render(at, []) }
      if (tokens < aim) {
        low = at
        lowTokens = tokens
        if (aim - tokens <= MOST_FILLED) break
      } else high = at
      next = at + (Math.round((aim - tokens) / tokensPerUnit) || (tokens < aim ? 1 : -1))
    }
    if (low === units.length && aim - lowTokens > MOST_FILLED) return { failed: 'too-short', tokens: lowTokens }
    for (let at = low; at > Math.max(0, low - 6); at--) {
      const text = await this.fill(at, aim)
      if (text !== null) return { text }
    }
    return { failed: 'missed' }
  }

  private async fill(at: number, aim: number): Promise<string | null> {
    const { fillers, random } = this.request
    const missing = aim - (await this.measure(at, []))
    if (missing === 0) return this.render(at, [])
    let words = Math.min(missing, fillers.length)
    for (let tries = 0; tries < 6; tries++) {
      const fill = random.shuffled(fillers).slice(0, words)
      const added = (await this.measure(at, fill)) - aim + missing
      if (added === missing) return this.render(at, fill)
      words = Math.min(Math.max(1, Math.round((words * missing) / Math.max(1, added))), fillers.length)
    }
    return null
  }

  private async measure(at: number, fill: readonly string[]): Promise<number> {
    if (at < 2 * WINDOW_UNITS) return this.count(this.render(at, fill))
    if (this.anchor === null || at < this.anchor.units + 20 || at > this.anchor.units + 4 * WINDOW_UNITS) {
      const units = at - WINDOW_UNITS
      this.anchor = { units, tokens: await this.count(this.request.head + this.request.units.slice(0, units).join('')) }
    }
    return this.anchor.tokens + (await this.count(this.render(at, fill, this.anchor.units)))
  }

  private render(at: number, fill: readonly string[], from = 0): string {
    const { units, head } = this.request
    let end = at
    const word = (index: number) => (units[index] ?? '').replaceAll(/[^\p{L}\p{N}]/gu, '').toLowerCase()
    while (this.closed && end > from + 1 && !SENTENCE_END.test(units[end - 1] ?? '') && LEADING.has(word(end - 1)))
      end--
    let text = units.slice(from, end).join('').trimEnd()
    if (fill.length > 0 || !SENTENCE_END.test(text)) text = text.replace(/[\p{P}\s]+$/u, '')
    if (fill.length > 0) text += ` ${fill.join(' ')}`
    if (this.closed && !SENTENCE_END.test(text)) text += '.'
    if (from > 0) return text
    return head === '' ? text.trimStart() : `${head} ${text.trimStart()}`
  }
}
