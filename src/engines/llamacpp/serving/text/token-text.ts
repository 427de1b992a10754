/** Text of tokens that follow `before`, U+FFFD where their bytes are no whole character. */
export type Detokenize = (tokens: readonly number[], before: readonly number[]) => string

const CONTEXT_TOKENS = 3
/** Tokens that end inside a character one after another: of so many, the oldest are forgotten. */
const MOST_PENDING = 16
const KEPT_PENDING = 8
/** A character has at most four bytes, so at most three can be waiting for the last. */
const OPEN_CHARACTER = /\uFFFD{1,3}$/

/** Turns tokens into text without ever splitting a character. */
export class TokenText {
  readonly #detokenize: Detokenize
  #before: number[] = []
  #pending: number[] = []
  #sentLength = 0

  constructor(detokenize: Detokenize) {
    this.#detokenize = detokenize
  }

  /** The new text of one more token, or undefined while a character is incomplete and there is nothing else to send. */
  push(token: number): string | undefined {
    this.#pending.push(token)
    const text = this.#detokenize(this.#pending, this.#before)
    const open = OPEN_CHARACTER.exec(text)?.[0].length ?? 0
    const sure = text.length - open
    const fresh = text.slice(this.#sentLength, sure)
    if (open === 0) {
      this.#before = [...this.#before, ...this.#pending].slice(-CONTEXT_TOKENS)
      this.#pending = []
      this.#sentLength = 0
      return fresh
    }
    this.#sentLength = Math.max(this.#sentLength, sure)
    if (this.#pending.length >= MOST_PENDING) this.#forgetOldest(open)
    return fresh === '' ? undefined : fresh
  }

  /** The kept tokens may begin inside a character, but that text was sent: only what follows it counts. */
  #forgetOldest(open: number): void {
    this.#pending = this.#pending.slice(-KEPT_PENDING)
    this.#before = []
    this.#sentLength = this.#detokenize(this.#pending, this.#before).length - open
  }

  /** The end of the text: an incomplete character comes as U+FFFD. */
  flush(): string {
    if (this.#pending.length === 0) return ''
    const text = this.#detokenize(this.#pending, this.#before).slice(this.#sentLength)
    this.#pending = []
    this.#sentLength = 0
    return text
  }
}
