/** Text that may be sent now, and whether a stop string was met: nothing of it, nor after it, is in `text`. */
export interface Matched {
  text: string
  stopped: boolean
}

/**
 * Watches a text that comes in pieces for stop strings. Holds back an end that could be the beginning of one,
 * so that a stop string is never sent, however it is split.
 */
export class StopMatcher {
  readonly #stops: string[]
  #held = ''

  constructor(stops: string[]) {
    this.#stops = stops.filter((stop) => stop !== '')
  }

  /** Whether a text is held back. */
  get holding(): boolean {
    return this.#held !== ''
  }

  push(piece: string): Matched {
    if (this.#stops.length === 0) return { text: piece, stopped: false }
    const text = this.#held + piece
    const at = this.#firstStop(text)
    if (at !== -1) {
      this.#held = ''
      return { text: text.slice(0, at), stopped: true }
    }
    const held = this.#openEnd(text)
    this.#held = text.slice(text.length - held)
    return { text: text.slice(0, text.length - held), stopped: false }
  }

  /** The end of the text: what was held back was no stop string. */
  flush(): string {
    const text = this.#held
    this.#held = ''
    return text
  }

  /** Of the stop string that is whole first, however the text is cut into pieces; of two that end together, the longer. */
  #firstStop(text: string): number {
    let first = -1
    let firstEnd = Number.POSITIVE_INFINITY
    for (const stop of this.#stops) {
      const at = text.indexOf(stop)
      const end = at + stop.length
      if (at === -1 || end > firstEnd || (end === firstEnd && at > first)) continue
      first = at
      firstEnd = end
    }
    return first
  }

  /** Length of the longest end of the text that begins a stop string. */
  #openEnd(text: string): number {
    let longest = 0
    for (const stop of this.#stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }
}
