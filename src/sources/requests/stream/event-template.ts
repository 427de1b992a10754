/** What may differ between two events of one shape. */
export const HOLE = { text: 0, string: 1, number: 2, completionTokens: 3, reasoningTokens: 4, tokenIds: 5 } as const
export type HoleKind = (typeof HOLE)[keyof typeof HOLE]

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const DOT = 0x2e
const MINUS = 0x2d
const OPEN = 0x5b
const CLOSE = 0x5d
const SPACE = 0x20
/** `"\/bfnrt`: what may follow a backslash in JSON, besides `u`. */
const ESCAPES = new Set([0x22, 0x5c, 0x2f, 0x62, 0x66, 0x6e, 0x72, 0x74])

interface Literal {
  length: number
  /** The bytes, eight at a time: as numbers two of them are the same only where the bytes are, as no UTF-8 is a NaN or a zero. */
  words: Float64Array
  /** The last eight, which overlap those; null where there are fewer. */
  last: number | null
  tail: Uint8Array
}

/**
 * The shape of a stream's token events: literal bytes, holes between them, up to and with the empty line. One pass
 * over an event compares it and finds its end, so the usual token costs neither a scan nor a JSON.parse. What does
 * not match is for the slow path to judge; what matches is valid JSON of the shape learnt.
 */
export class EventTemplate {
  /** Code of CHUNK_KINDS for an event with text. */
  readonly kind: number
  readonly endsWithCr: boolean
  /** Which holes the shape has. */
  readonly hasUsage: boolean
  readonly hasReasoning: boolean
  readonly hasIds: boolean
  /** Of the last match: the text between its quotes, and whether it has escapes. */
  textStart = 0
  textEnd = 0
  textEscaped = false
  completionTokens = 0
  reasoningTokens = 0
  ids = 0
  idsStart = 0
  idsEnd = 0
  private readonly literals: Literal[]
  private readonly holes: Uint8Array

  /** `literals` has one more than `holes`, and `\n` or `\r` as its very last byte. */
  constructor(kind: number, literals: readonly Uint8Array[], holes: readonly HoleKind[]) {
    this.kind = kind
    this.literals = literals.map(toLiteral)
    this.holes = Uint8Array.from(holes)
    this.hasUsage = holes.includes(HOLE.completionTokens)
    this.hasReasoning = holes.includes(HOLE.reasoningTokens)
    this.hasIds = holes.includes(HOLE.tokenIds)
    const last = literals[literals.length - 1]
    this.endsWithCr = last !== undefined && last[last.length - 1] === 13
  }

  /** Just past the event, or -1 where it has another shape or is not all there. `at` is never negative. */
  match(bytes: Buffer, view: DataView, at: number, end: number): number {
    let pos = at
    const holes = this.holes
    for (let i = 0; ; i++) {
      const literal = this.literals[i]!
      const words = literal.words
      const past = pos + literal.length
      if (past > end) return -1
      for (let w = 0; w < words.length; w++, pos += 8) {
        if (view.getFloat64(pos, true) !== words[w]) return -1
      }
      if (literal.last !== null) {
        if (view.getFloat64(past - 8, true) !== literal.last) return -1
      } else {
        const tail = literal.tail
        for (let b = 0; b < tail.length; b++) if (bytes[pos + b] !== tail[b]) return -1
      }
      pos = past
      if (i === holes.length) return pos
      const kind = holes[i]
      if (kind === HOLE.text || kind === HOLE.string) {
        const start = pos
        let escaped = false
        for (;;) {
          if (pos >= end) return -1
          const c = bytes[pos]!
          if (c === QUOTE) break
          if (c < SPACE) return -1
          if (c === BACKSLASH) {
            escaped = true
            pos = afterEscape(bytes, pos + 1, end)
            if (pos < 0) return -1
          } else pos++
        }
        if (kind === HOLE.text) {
          this.textStart = start
          this.textEnd = pos
          this.textEscaped = escaped
        }
      } else if (kind === HOLE.tokenIds) {
        pos = this.matchIds(bytes, pos, end)
        if (pos < 0) return -1
      } else if (kind === HOLE.completionTokens || kind === HOLE.reasoningTokens) {
        const start = pos
        let value = 0
        while (pos < end && isDigit(bytes[pos]!)) value = value * 10 + bytes[pos++]! - 48
        // A count that does not fit the column goes to the slow path, which drops it.
        if (!wholeNumber(bytes, start, pos) || value >= 0xffffffff) return -1
        if (kind === HOLE.completionTokens) this.completionTokens = value
        else this.reasoningTokens = value
      } else {
        pos = afterNumber(bytes, pos, end)
        if (pos < 0) return -1
      }
    }
  }

  private matchIds(bytes: Buffer, start: number, end: number): number {
    let pos = start
    if (bytes[pos++] !== OPEN) return -1
    this.idsStart = start
    this.ids = 0
    if (bytes[pos] === CLOSE) pos++
    else {
      for (;;) {
        while (pos < end && bytes[pos] === SPACE) pos++
        const from = pos
        while (pos < end && isDigit(bytes[pos]!)) pos++
        if (!wholeNumber(bytes, from, pos)) return -1
        this.ids++
        if (pos >= end) return -1
        const c = bytes[pos++]
        if (c === CLOSE) break
        if (c !== COMMA) return -1
      }
    }
    this.idsEnd = pos
    return pos <= end ? pos : -1
  }
}

function toLiteral(bytes: Uint8Array): Literal {
  const count = bytes.length >> 3
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const words = new Float64Array(count)
  for (let i = 0; i < count; i++) words[i] = view.getFloat64(8 * i, true)
  const last = count === 0 ? null : view.getFloat64(bytes.length - 8, true)
  return { length: bytes.length, words, last, tail: bytes.slice(8 * count) }
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57
}

/** Some digits, none of them a leading zero, which JSON has not. */
function wholeNumber(bytes: Buffer, start: number, end: number): boolean {
  return end > start && (bytes[start] !== 48 || end === start + 1)
}

function afterNumber(bytes: Buffer, start: number, end: number): number {
  let pos = start
  if (bytes[pos] === MINUS) pos++
  const whole = pos
  while (pos < end && isDigit(bytes[pos]!)) pos++
  if (!wholeNumber(bytes, whole, pos)) return -1
  if (pos < end && bytes[pos] === DOT) {
    const fraction = ++pos
    while (pos < end && isDigit(bytes[pos]!)) pos++
    if (pos === fraction) return -1
  }
  return pos
}

/** Just past the escape whose backslash lies before `at`, or -1 where JSON has none such. */
function afterEscape(bytes: Buffer, at: number, end: number): number {
  if (at >= end) return -1
  if (ESCAPES.has(bytes[at]!)) return at + 1
  if (bytes[at] !== 0x75 || at + 5 > end) return -1
  for (let i = at + 1; i < at + 5; i++) {
    const lower = bytes[i]! | 32
    if (!isDigit(bytes[i]!) && !(lower >= 97 && lower <= 102)) return -1
  }
  return at + 5
}
