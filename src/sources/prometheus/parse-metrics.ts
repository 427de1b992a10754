/** One line of a page of metrics. */
export interface MetricSample {
  name: string
  /** The text between the braces, as written; with its name it identifies a series. */
  labels: string
  value: number
}

const NAME = /^[a-zA-Z_:][\w:]*$/

/**
 * Samples of a page in the Prometheus text format whose name is wanted, in its order. Lines that are none are passed
 * over; a page cut in the middle of a line loses that line.
 */
export function parseMetrics(page: string, isWanted: (name: string) => boolean): MetricSample[] {
  const samples: MetricSample[] = []
  const end = page.lastIndexOf('\n') + 1 || page.length
  for (let start = 0; start < end; ) {
    const stop = page.indexOf('\n', start)
    const next = stop === -1 ? end : stop
    const sample = page.charCodeAt(start) === 35 ? null : parseLine(page, start, next, isWanted)
    if (sample !== null) samples.push(sample)
    start = next + 1
  }
  return samples
}

function parseLine(page: string, start: number, end: number, isWanted: (name: string) => boolean): MetricSample | null {
  let at = start
  while (at < end && !isNameEnd(page.charCodeAt(at))) at++
  const name = page.slice(start, at)
  if (!isWanted(name) || !NAME.test(name)) return null
  let labels = ''
  while (page.charCodeAt(at) === 32) at++
  if (page.charCodeAt(at) === 123) {
    const close = closingBrace(page, at + 1, end)
    if (close === -1) return null
    labels = page.slice(at + 1, close)
    at = close + 1
  }
  const [text] = page.slice(at, end).trim().split(/\s+/, 1)
  const value = parseNumber(text ?? '')
  return value === null ? null : { name, labels, value }
}

/** A blank, a tab or `{`. */
function isNameEnd(code: number): boolean {
  return code === 32 || code === 9 || code === 123
}

/** The `}` outside of quotes; -1 where there is none before `end`. */
function closingBrace(page: string, from: number, end: number): number {
  let quoted = false
  for (let at = from; at < end; at++) {
    const code = page.charCodeAt(at)
    if (quoted && code === 92) at++
    else if (code === 34) quoted = !quoted
    else if (code === 125 && !quoted) return at
  }
  return -1
}

function parseNumber(text: string): number | null {
  if (/^[+-]?Inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  // llama.cpp prints `-nan`.
  if (/^[+-]?NaN$/i.test(text)) return Number.NaN
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null
}

/** `a="b",c="d"` as an object; the escapes `\"`, `\\` and `\n` in a value are decoded. */
export function parseLabels(labels: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [, name = '', value = ''] of labels.matchAll(/([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"/g)) {
    found[name] = value.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
  }
  return found
}
