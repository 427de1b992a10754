/** What bpftrace prints with `-f json`, a line each, as far as it is used. */
export type BpftraceMessage =
  /** A line of a probe: whole numbers by name, and the text after the `|`, which may hold anything. */
  | {
      readonly kind: 'event'
      readonly name: string
      readonly fields: Readonly<Record<string, number>>
      readonly text: string
    }
  /** A map of counts: keys as printed, `12,13,python`. */
  | { readonly kind: 'map'; readonly name: string; readonly values: readonly (readonly [key: string, value: number])[] }
  | {
      readonly kind: 'hist'
      readonly name: string
      readonly values: readonly (readonly [key: string, bins: readonly HistogramBin[]])[]
    }
  | { readonly kind: 'lost'; readonly events: number }
  | { readonly kind: 'attached'; readonly probes: number }
  /** A line that is none of these: cut off, or another program's. */
  | { readonly kind: 'malformed'; readonly line: string }

export interface HistogramBin {
  /** -Infinity: everything below `max`. */
  readonly min: number
  readonly max: number
  readonly count: number
}

/** Reads a line; null for one that says nothing of use. */
export function readBpftraceLine(line: string): BpftraceMessage | null {
  const plain = readPlainMap(line)
  if (plain !== null) return plain
  if (line.trim() === '') return null
  const text = withBytes(line)
  const parsed = parseObject(text) ?? parseObject(withoutControls(text))
  if (parsed === null) return { kind: 'malformed', line }
  const { type, data } = parsed
  if (type === 'printf') return typeof data === 'string' ? readEvent(data) : { kind: 'malformed', line }
  if (type === 'attached_probes') return { kind: 'attached', probes: Number(fieldOf(data, 'probes')) }
  if (type === 'lost_events') return { kind: 'lost', events: Number(fieldOf(data, 'events')) }
  if (type !== 'map' && type !== 'hist') return null
  const [named] = Object.entries(isObject(data) ? data : {})
  if (named === undefined) return null
  const name = named[0].replace(/^@/, '')
  const entries = isObject(named[1]) ? Object.entries(named[1]) : [['', named[1]] as const]
  if (type === 'map') return { kind: 'map', name, values: entries.map(([key, value]) => [key, Number(value)]) }
  return { kind: 'hist', name, values: entries.map(([key, bins]) => [key, readBins(bins)]) }
}

const MAP = '{"type": "map", "data": {"@'
const QUOTE = 0x22
const [ZERO, NINE] = [0x30, 0x39]
/** Of more digits, only the whole gives the nearest number. */
const EXACT_DIGITS = 15
/** bpftrace escapes quotes, and other control characters go through as they are. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPED = /[\\\u0000-\u001f]/

/** Most lines by far: a map whose keys hold nothing that is escaped, with whole numbers. Null for any other. */
function readPlainMap(line: string): BpftraceMessage | null {
  if (!line.startsWith(MAP) || !line.endsWith('}}}') || ESCAPED.test(line)) return null
  const nameEnd = line.indexOf('": {', MAP.length)
  if (nameEnd === -1) return null
  const values: [string, number][] = []
  let at = nameEnd + 4
  while (line.charCodeAt(at) === QUOTE) {
    const keyEnd = line.indexOf('": ', at + 1)
    if (keyEnd === -1) return null
    const key = line.slice(at + 1, keyEnd)
    const from = keyEnd + 3
    at = from
    let value = 0
    let digit = line.charCodeAt(at)
    for (; digit >= ZERO && digit <= NINE; digit = line.charCodeAt(++at)) value = value * 10 + digit - ZERO
    if (at === from) return null
    values.push([key, at - from <= EXACT_DIGITS ? value : Number(line.slice(from, at))])
    if (line.startsWith(', ', at)) at += 2
  }
  return at === line.length - 3 && values.length > 0
    ? { kind: 'map', name: line.slice(MAP.length, nameEnd), values }
    : null
}

/** `{"e":"open","t":1,"pid":2}|path`: only whole numbers are within the braces, so that the first `}|` ends them. */
function readEvent(data: string): BpftraceMessage {
  const end = data.indexOf('}|')
  const head = end === -1 ? null : parseObject(data.slice(0, end + 1))
  if (head === null || typeof head.e !== 'string') return { kind: 'malformed', line: data }
  const fields: Record<string, number> = {}
  for (const [key, value] of Object.entries(head)) if (key !== 'e') fields[key] = Number(value)
  return { kind: 'event', name: head.e, fields, text: data.slice(end + 2).replace(/\n$/, '') }
}

/** Bytes that a thread's name takes in a line where another text follows it: at most 15, filled up with blanks. */
const COMM_BYTES = 16

/** The name of a thread and what follows it, of a line's text. */
export function splitComm(text: string): { comm: string; rest: string } {
  let bytes = 0
  let end = 0
  for (const character of text) {
    if (bytes >= COMM_BYTES) break
    bytes += Buffer.byteLength(character)
    end += character.length
  }
  // A name that is cut within a character holds marks, which are longer than what they stand for.
  if (bytes !== COMM_BYTES || text[end] !== '|') end = text.indexOf(' |') + 1
  return end <= 0 ? { comm: '', rest: text } : { comm: text.slice(0, end).trimEnd(), rest: text.slice(end + 1) }
}

function readBins(bins: unknown): HistogramBin[] {
  if (!Array.isArray(bins)) return []
  return bins.filter(isObject).map((bin) => ({
    min: 'min' in bin ? Number(bin.min) : Number.NEGATIVE_INFINITY,
    max: 'max' in bin ? Number(bin.max) : Number.POSITIVE_INFINITY,
    count: Number(bin.count),
  }))
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function fieldOf(data: unknown, name: string): unknown {
  return isObject(data) ? data[name] : undefined
}

/** bpftrace escapes quotes and newlines, other control characters go through as they are. */
function withoutControls(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return line.replaceAll(/[\u0000-\u001f]/g, '\ufffd')
}

/** bpftrace 0.17 writes a byte beyond ASCII as `\\uffffffc3`: runs of them are UTF-8, or bytes that are no text. */
function withBytes(line: string): string {
  if (!line.includes('\\uffffff')) return line
  return line.replaceAll(/((?:^|[^\\])(?:\\\\)*)((?:\\uffffff[0-9a-f]{2})+)/g, (_, before: string, run: string) => {
    return before + Buffer.from(run.replaceAll('\\uffffff', ''), 'hex').toString('utf8')
  })
}
