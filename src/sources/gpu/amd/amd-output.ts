import type { AmdRecord } from './amd-fields.ts'

type Cell = { text: string; unit: string | null }

/**
 * What amd-smi or rocm-smi printed as JSON: a list of GPUs, one under `gpu_data`, or an object with `card0`, `card1`, …
 * Null where the text is none of these.
 */
export function recordsOfJson(text: string): AmdRecord[] | null {
  const parsed = jsonIn(text)
  if (parsed === null || typeof parsed !== 'object') return null
  const list = Array.isArray(parsed) ? parsed : (parsed as { gpu_data?: unknown }).gpu_data
  if (Array.isArray(list)) {
    return list.flatMap((entry) => {
      const gpu = isObject(entry) ? gpuOf(entry.gpu) : null
      if (gpu === null) return []
      const values = new Map<string, Cell>()
      flatten(entry, values)
      return [{ gpu, values }]
    })
  }
  const cards = Object.entries(parsed).flatMap(([name, entry]) => {
    const gpu = gpuOf(name)
    if (gpu === null || !isObject(entry)) return []
    const values = new Map(Object.entries(entry).map(([key, value]) => [key, { text: String(value), unit: null }]))
    return [{ gpu, values }]
  })
  return cards.length === 0 ? null : cards
}

/** JSON may come after lines of warnings. */
function jsonIn(text: string): unknown {
  for (const start of [text.search(/[[{]/), text.search(/^[[{]/m)]) {
    if (start < 0) continue
    try {
      return JSON.parse(text.slice(start))
    } catch {
      // Not from there.
    }
  }
  return null
}

/** The names that amd-smi's CSV has: the key itself, and of a clock `<name>_clk`. The first of a name counts. */
function flatten(entry: Record<string, unknown>, values: Map<string, Cell>, within = ''): void {
  for (const [key, value] of Object.entries(entry)) {
    const name = key === 'clk' ? `${within}_clk` : key
    if (isObject(value) && 'value' in value) {
      put(values, name, { text: String(value.value), unit: typeof value.unit === 'string' ? value.unit : null })
    } else if (isObject(value)) flatten(value, values, key)
    else if (typeof value === 'string' || typeof value === 'number') {
      put(values, name, { text: String(value), unit: null })
    }
  }
}

function put(values: Map<string, Cell>, name: string, cell: Cell): void {
  if (!values.has(name)) values.set(name, cell)
}

/** `0`, `card0`. */
function gpuOf(value: unknown): number | null {
  const match = /^(?:card)?(\d+)$/.exec(String(value))
  return match === null ? null : Number(match[1])
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Longer lines cannot belong to a table. */
const MOST_LINE = 64 * 1024

/**
 * Rows of CSV as they come, of amd-smi (`timestamp,gpu,…`, `gpu,…`) or rocm-smi (`device,…`): columns are known by the header,
 * which may come again. What is no row goes to `text`.
 */
export class AmdCsv {
  private readonly row: (record: AmdRecord) => void
  private readonly text: (line: string) => void
  private header: string[] | null = null
  private rest = ''

  constructor(row: (record: AmdRecord) => void, text: (line: string) => void) {
    this.row = row
    this.text = text
  }

  push(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = (lines.pop() ?? '').slice(-MOST_LINE)
    for (const line of lines) this.line(line.replace(/\r$/, ''))
  }

  /** A program that ended wrote no more: half a row is dropped, and the next one has a header of its own. */
  reset(): void {
    if (this.rest.trim() !== '') this.text(this.rest.trim())
    this.rest = ''
    this.header = null
  }

  private line(line: string): void {
    if (line.trim() === '') return
    const cells = cellsOf(line)
    if (/^(timestamp,)?gpu,|^device,/.test(line)) {
      this.header = cells
      return
    }
    const { header } = this
    const at = header?.findIndex((name) => name === 'gpu' || name === 'device') ?? -1
    const gpu = at < 0 ? null : gpuOf(cells[at])
    if (header === null || gpu === null || cells.length !== header.length) {
      this.text(line)
      return
    }
    const values = new Map<string, Cell>()
    for (const [i, name] of header.entries()) put(values, name, { text: cells[i] ?? '', unit: null })
    this.row({ gpu, values })
  }
}

/** Cells of one line; those with lists are quoted. */
function cellsOf(line: string): string[] {
  return Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
  )
}
