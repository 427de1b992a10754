import type { AnswerEvent } from './answer-event.ts'
import { EventTemplate, HOLE, type HoleKind } from './event-template.ts'
import type { SseBlock } from './sse-events.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const MOST_LEARNT_BYTES = 8 * 1024
const MOST_NESTED = 200
/** The meaning of an event depends on these: if they differ they are read, never skipped. */
const MEANINGFUL =
  /^(usage|x_groq|error|choices\[\d+\]\.(index|delta|text|message|finish_reason|token_ids|usage|error))/
/** After this many events that fitted no template, learning is tried only at every power of two. */
const EAGER_MISSES = 8

/** Called with the raw bytes of a scalar, or of an array (which is entered unless it says true). */
type Visit = (path: string, start: number, end: number) => boolean

/** The most shapes that are shared; further ones are learnt and not shared. */
const MOST_SHARED = 64

/** What the streams of a client have learnt together: one template for all keeps it in the processor's cache. */
export class SharedShapes {
  /** Differ between two events of one stream, or, as these two, between any two streams. */
  readonly volatilePaths = new Set(['id', 'created'])
  private readonly templates = new Map<string, EventTemplate>()

  template(kind: number, literals: readonly Uint8Array[], holes: readonly HoleKind[]): EventTemplate {
    const key = `${kind} ${holes.join()} ${literals.map((literal) => Buffer.from(literal).toString('latin1')).join('\0')}`
    const known = this.templates.get(key)
    if (known !== undefined) return known
    const fresh = new EventTemplate(kind, literals, holes)
    if (this.templates.size < MOST_SHARED) this.templates.set(key, fresh)
    return fresh
  }
}

/**
 * Learns the template of a stream from its token events. The text, the running counts and the token ids are holes
 * from the start; a number or string elsewhere becomes one once it differed between two events of one stream
 * (shared by the streams of a client: a clock, a padding against traffic analysis).
 */
export class EventShape {
  private readonly shared: SharedShapes
  private lastScalars: Map<string, string> | null = null
  private misses = 0

  constructor(shared: SharedShapes) {
    this.shared = shared
  }

  /** The template of this token event, or null where its shape cannot be one. */
  learn(block: SseBlock, answer: AnswerEvent): EventTemplate | null {
    this.misses++
    if (this.misses > EAGER_MISSES && (this.misses & (this.misses - 1)) !== 0) return null
    if (block.dataStart < 0 || block.end - block.start > MOST_LEARNT_BYTES || answer.textPath === null) return null
    if (brackets(block) > MOST_NESTED) return null
    this.findVolatile(block)
    return this.cut(block, answer.textPath, answer.kind)
  }

  private findVolatile(block: SseBlock): void {
    const scalars = new Map<string, string>()
    walk(block.bytes, block.dataStart, '', (path, start, end) => {
      if (block.bytes[start] === 0x5b) return false
      if (!MEANINGFUL.test(path)) scalars.set(path, block.bytes.toString('latin1', start, end))
      return true
    })
    for (const [path, text] of scalars) {
      const before = this.lastScalars?.get(path)
      if (before === undefined || before === text) continue
      if (isText(text) === isText(before) && isNumber(text) === isNumber(before)) this.shared.volatilePaths.add(path)
    }
    this.lastScalars = scalars
  }

  private cut(block: SseBlock, textPath: string, kind: number): EventTemplate | null {
    const { bytes } = block
    const literals: Uint8Array[] = []
    const holes: HoleKind[] = []
    let from = block.start
    walk(bytes, block.dataStart, '', (path, start, end) => {
      const hole = this.holeAt(path, textPath, bytes, start, end)
      if (hole === null) return bytes[start] !== 0x5b
      const quoted = hole === HOLE.text || hole === HOLE.string ? 1 : 0
      literals.push(Uint8Array.prototype.slice.call(bytes, from, start + quoted))
      holes.push(hole)
      from = end - quoted
      return true
    })
    literals.push(Uint8Array.prototype.slice.call(bytes, from, block.end))
    // A repeated key would merge two texts.
    if (holes.filter((hole) => hole === HOLE.text).length !== 1) return null
    return this.shared.template(kind, literals, holes)
  }

  private holeAt(path: string, textPath: string, bytes: Buffer, start: number, end: number): HoleKind | null {
    if (path === textPath) return HOLE.text
    const first = bytes[start]!
    const number = first === 0x2d || (first >= 48 && first <= 57)
    if (path === 'usage.completion_tokens') return number ? HOLE.completionTokens : null
    if (path === 'usage.completion_tokens_details.reasoning_tokens') return number ? HOLE.reasoningTokens : null
    if (path === 'usage.total_tokens') return number ? HOLE.number : null
    if (path === 'choices[0].token_ids') return first === 0x5b ? HOLE.tokenIds : null
    if (!this.shared.volatilePaths.has(path)) return null
    if (first === QUOTE) return HOLE.string
    return number && isNumber(bytes.toString('latin1', start, end)) ? HOLE.number : null
  }
}

function brackets(block: SseBlock): number {
  let count = 0
  for (let at = block.dataStart; at < block.dataEnd; at++) {
    if (block.bytes[at] === 0x7b || block.bytes[at] === 0x5b) count++
  }
  return count
}

function isText(raw: string): boolean {
  return raw.startsWith('"')
}

function isNumber(raw: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(raw)
}

/** Visits the scalars of JSON known to be valid, in order; returns where the value at `at` ends. */
function walk(bytes: Buffer, start: number, path: string, visit: Visit): number {
  let at = skipSpace(bytes, start)
  const first = bytes[at]
  if (first === QUOTE) {
    const end = afterString(bytes, at)
    visit(path, at, end)
    return end
  }
  if (first === 0x7b) return walkObject(bytes, at + 1, path, visit)
  if (first === 0x5b) {
    const end = walkArray(bytes, at + 1, path, () => true)
    return visit(path, at, end) ? end : walkArray(bytes, at + 1, path, visit)
  }
  const from = at
  // Up to `,` `}` `]` or a space: what ends a number, true, false or null.
  while (bytes[at]! > 0x20 && bytes[at] !== 0x2c && bytes[at] !== 0x7d && bytes[at] !== 0x5d) at++
  visit(path, from, at)
  return at
}

function walkObject(bytes: Buffer, start: number, path: string, visit: Visit): number {
  let at = skipSpace(bytes, start)
  while (bytes[at] !== 0x7d) {
    const keyEnd = afterString(bytes, at)
    const key = bytes.toString('latin1', at + 1, keyEnd - 1)
    at = skipSpace(bytes, keyEnd) + 1
    at = skipSpace(bytes, walk(bytes, at, path === '' ? key : `${path}.${key}`, visit))
    if (bytes[at] === 0x2c) at = skipSpace(bytes, at + 1)
  }
  return at + 1
}

function walkArray(bytes: Buffer, start: number, path: string, visit: Visit): number {
  let at = skipSpace(bytes, start)
  for (let i = 0; bytes[at] !== 0x5d; i++) {
    at = skipSpace(bytes, walk(bytes, at, `${path}[${i}]`, visit))
    if (bytes[at] === 0x2c) at = skipSpace(bytes, at + 1)
  }
  return at + 1
}

function skipSpace(bytes: Buffer, start: number): number {
  let at = start
  while (bytes[at] === 0x20 || bytes[at] === 9 || bytes[at] === 10 || bytes[at] === 13) at++
  return at
}

function afterString(bytes: Buffer, start: number): number {
  let at = start + 1
  while (bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at + 1
}
