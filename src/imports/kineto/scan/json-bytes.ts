const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const COMMA = 0x2c
const COLON = 0x3a
/** The data ends before what was read does. */
const MORE = -1

/**
 * Finds the ends of JSON values in bytes, without decoding them. The byte at `end` must be a quote, with zeros after
 * it, so that no loop overruns. Tolerant: a quote that ends no value belongs to its string.
 */
export class JsonBytes {
  /** Quotes that should have been escaped. */
  unescaped = 0
  /** Where a number was read: its end, whole part and fraction in thousandths. */
  at = 0
  whole = 0
  thousandths = 0

  /** The quote that ends a string: one that a comma, colon or bracket follows. Others belong to the text. */
  stringEnd(buf: Uint8Array, from: number, end: number): number {
    let p = from
    for (;;) {
      let c = buf[p]!
      while (c !== QUOTE && c !== BACKSLASH) c = buf[++p]!
      if (c === BACKSLASH) {
        p += 2
        if (p > end) return MORE
        continue
      }
      if (p >= end) return MORE
      let q = p + 1
      c = buf[q]!
      while (c <= 32 && q < end) c = buf[++q]!
      if (c === COMMA || c === CLOSE || c === COLON || c === CLOSE_LIST) return p
      if (q >= end) return MORE
      this.unescaped++
      p++
    }
  }

  /** Behind the object or list at `p`. */
  nested(buf: Uint8Array, from: number, end: number): number {
    let p = from
    for (let depth = 0; ; ) {
      const c = buf[p]!
      if (c === QUOTE) {
        if (p >= end) return MORE
        p = this.stringEnd(buf, p + 1, end)
        if (p < 0) return p
      } else if (c === OPEN || c === OPEN_LIST) depth++
      else if ((c === CLOSE || c === CLOSE_LIST) && --depth === 0) return p + 1
      p++
    }
  }

  /** Reads a number into `whole` and `thousandths` (its fraction, rounded to three digits) and `at`; a word, as NaN or null, is NaN. */
  number(buf: Uint8Array, from: number): void {
    let p = from
    const negative = buf[p] === 0x2d
    if (negative) p++
    let whole = 0
    let c = buf[p]!
    const digits = p
    while (c >= 0x30 && c <= 0x39) {
      whole = whole * 10 + (c - 0x30)
      c = buf[++p]!
    }
    let thousandths = 0
    if (c === 0x2e && p > digits) {
      let scale = 100
      c = buf[++p]!
      while (c >= 0x30 && c <= 0x39) {
        thousandths += (c - 0x30) * scale
        scale /= 10
        c = buf[++p]!
      }
      // Beyond three digits the sum has a fraction of its own: one ns is what a trace resolves.
      if (scale < 0.05) thousandths = Math.round(thousandths)
    }
    if (c === COMMA || c === CLOSE || c === CLOSE_LIST || c <= 32 || c === QUOTE) {
      this.whole = p === digits ? Number.NaN : negative ? -whole : whole
      this.thousandths = negative ? -thousandths : thousandths
    } else {
      // An exponent, or a word.
      while (c !== COMMA && c !== CLOSE && c !== CLOSE_LIST && c > 32 && c !== QUOTE) c = buf[++p]!
      const value = Number(Buffer.from(buf.buffer, buf.byteOffset + from, p - from).toString('latin1'))
      this.whole = Math.trunc(value)
      this.thousandths = Math.round((value - this.whole) * 1000)
    }
    this.at = p
  }
}
