import { stat } from 'node:fs/promises'
import { errorCode, errorText, LayerlineError } from '../../base/errors.ts'
import { refuseForeign } from '../../base/foreign-file.ts'
import { readRunJson } from '../../store/run-folder.ts'
import type { TraceHead } from '../trace-formats/trace-format.ts'
import { CsvLine } from './bytes/csv-line.ts'
import { type Packing, packingOf, sourceBytes } from './bytes/source-bytes.ts'

const HEAD_BYTES = 256 * 1024
const HEAD_RECORDS = 64
const MAX_COLUMNS = 1000
const COMMA = 0x2c
const DELIMITERS = [COMMA, 0x3b, 0x09]

/** The head of a file, with what reading its rows needs. */
export interface FileHead extends TraceHead {
  readonly kind: 'csv' | 'jsonl'
  readonly packing: Packing
  readonly delimiter: number
  readonly sizeBytes: number
  /** Bytes of the header's line, its end too; of a plain file. */
  readonly headerBytes: number
}

export interface RunHead extends TraceHead {
  readonly kind: 'run'
}

/** Looks at the beginning of a trace: what it is packed with, CSV or JSONL, its columns; a run's folder by its run.json. */
export async function readHead(path: string): Promise<FileHead | RunHead> {
  const found = await stat(path).catch((cause: unknown) => {
    const what = errorCode(cause) === 'ENOENT' ? 'no such file' : errorText(cause)
    throw new LayerlineError('input/trace-missing', `${path}: ${what}; expected a trace of arrivals`, { cause })
  })
  if (found.isDirectory()) {
    readRunJson(path)
    return { kind: 'run', path, columns: [], records: [] }
  }
  const packing = await packingOf(path)
  const bytes = await firstBytes(path, packing)
  const text = bytes.toString('utf8')
  if (text.trim() === '') throw new LayerlineError('input/trace-empty', `${path}: the file is empty; expected a trace`)
  refuseForeign(path, bytes, 'input/trace-text', 'a trace of arrivals, CSV or JSONL')
  if (bytes.includes(0)) {
    throw new LayerlineError('input/trace-text', `${path}: not a text: it holds NUL bytes; expected CSV or JSONL`)
  }
  const facts = { path, packing, sizeBytes: found.size }
  return text.trimStart().startsWith('{') ? jsonHead(text, facts) : csvHead(bytes, facts)
}

type Facts = Pick<FileHead, 'path' | 'packing' | 'sizeBytes'>

function csvHead(bytes: Buffer, facts: Facts): FileHead {
  const end = bytes.indexOf(0x0a)
  const headerBytes = end === -1 ? bytes.length : end + 1
  const header = bytes.subarray(0, headerBytes)
  const delimiter = DELIMITERS.reduce((best, each) => (countOf(header, each) > countOf(header, best) ? each : best))
  const line = new CsvLine(delimiter, MAX_COLUMNS)
  const records: string[][] = []
  let at = 0
  while (at < bytes.length && records.length <= HEAD_RECORDS) {
    const isWhole = bytes.length < HEAD_BYTES
    const to = line.split(bytes, at, bytes.length, isWhole)
    if (to === -1) break
    records.push(Array.from({ length: Math.min(line.fields, MAX_COLUMNS) }, (_, field) => line.text(bytes, field)))
    at = to + 1
  }
  const columns = records.shift() ?? []
  const twice = columns.find((name, i) => name !== '' && columns.indexOf(name) !== i)
  if (twice !== undefined)
    throw new LayerlineError('input/trace-columns', `${facts.path}:1: two columns named \`${twice}\``)
  if (columns.length > 1 && columns.every((name) => /^[-+\d.:TZ ]*$/.test(name))) {
    throw new LayerlineError(
      'input/trace-columns',
      `${facts.path}:1: the first line holds values (${columns.join(',').slice(0, 80)}); expected the names of the columns`,
      { hint: 'put a line such as ts,in,out before it' },
    )
  }
  return {
    kind: 'csv',
    ...facts,
    delimiter,
    headerBytes,
    columns,
    records: records.map((fields) => Object.fromEntries(columns.map((name, i) => [name, fields[i] ?? '']))),
  }
}

function jsonHead(text: string, facts: Facts): FileHead {
  const lines = text.split('\n')
  if (text.length >= HEAD_BYTES) lines.pop()
  const records: Record<string, string>[] = []
  for (const line of lines.slice(0, 4 * HEAD_RECORDS)) {
    if (records.length === HEAD_RECORDS) break
    const record = recordOf(line)
    if (record !== null) records.push(record)
  }
  // A key may be missing where a row has no use for it.
  const columns = [...new Set(records.flatMap((record) => Object.keys(record)))]
  return { kind: 'jsonl', ...facts, delimiter: COMMA, headerBytes: 0, columns, records }
}

/** A line's values as text, or null for a line that is bad: reading will say so, with its number. */
function recordOf(line: string): Record<string, string> | null {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return null
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, typeof each === 'string' ? each : JSON.stringify(each)]),
    )
  } catch {
    return null
  }
}

async function firstBytes(path: string, packing: Packing): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of sourceBytes(path, packing)) {
    pieces.push(Buffer.from(piece))
    length += piece.length
    if (length >= HEAD_BYTES) break
  }
  const bytes = Buffer.concat(pieces).subarray(0, HEAD_BYTES)
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

function countOf(bytes: Buffer, byte: number): number {
  let count = 0
  for (const each of bytes) if (each === byte) count++
  return count
}
