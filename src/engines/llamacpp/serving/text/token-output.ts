import type { FinishReason } from '../http/metrics.ts'
import { StopMatcher } from './stop-matcher.ts'
import { type Detokenize, TokenText } from './token-text.ts'

/** What one more token makes ready to send: the text and all tokens since the last output. */
export interface Output {
  text: string
  tokens: number[]
  finishReason: FinishReason | undefined
}

export interface OutputRules {
  stops: string[]
  maxTokens: number
  endsText: (token: number) => boolean
  detokenize: Detokenize
}

/** From sampled tokens to outputs: whole characters, never a stop string, at most `maxTokens` tokens. */
export class TokenOutput {
  readonly #rules: OutputRules
  readonly #text: TokenText
  readonly #stops: StopMatcher
  #unsent: number[] = []
  /** Tokens taken in so far, held ones included. */
  count = 0

  constructor(rules: OutputRules) {
    this.#rules = rules
    this.#text = new TokenText(rules.detokenize)
    this.#stops = new StopMatcher(rules.stops)
  }

  /** undefined while the token's text is held back; its id then comes with a later output. */
  push(token: number): Output | undefined {
    this.count++
    this.#unsent.push(token)
    if (this.#rules.endsText(token)) return this.#end('', 'stop')
    const fresh = this.#text.push(token)
    const { text, stopped } = fresh === undefined ? { text: '', stopped: false } : this.#stops.push(fresh)
    if (stopped) return this.#output(text, 'stop')
    if (this.count >= this.#rules.maxTokens) return this.#end(text, 'length')
    if (text === '' && (fresh === undefined || this.#stops.holding)) return undefined
    return this.#output(text, undefined)
  }

  #end(text: string, reason: FinishReason): Output {
    const last = this.#stops.push(this.#text.flush())
    if (last.stopped) return this.#output(text + last.text, 'stop')
    return this.#output(text + last.text + this.#stops.flush(), reason)
  }

  #output(text: string, finishReason: FinishReason | undefined): Output {
    const tokens = this.#unsent
    this.#unsent = []
    return { text, tokens, finishReason }
  }
}
