import { closeSync, openSync, readSync } from 'node:fs'
import { LayerlineError } from './errors.ts'

/** How many of a file's first bytes identify its type. */
const HEAD_BYTES = 4096

/** What a file is, if it is not what was expected. */
export interface ForeignFile {
  readonly kind:
    | 'git-lfs'
    | 'html'
    | 'xml'
    | 'http-error'
    | 'utf-16'
    | 'utf-32'
    | 'gzip'
    | 'zstd'
    | 'packed'
    | 'spreadsheet'
    | 'zip'
    | 'parquet'
    | 'database'
    | 'binary'
  /** As in `the file is …`. */
  readonly what: string
  readonly hint: string
}

type Sign = readonly [kind: ForeignFile['kind'], bytes: string, what: string, hint: string]

const UNPACK = 'unpack it, and give the plain file'
/** First bytes (latin1) of files that are not text. */
const SIGNS: readonly Sign[] = [
  ['gzip', '\x1f\x8b', 'packed by gzip', 'unpack it with `gzip -dc`, and give the plain file'],
  ['zstd', '\x28\xb5\x2f\xfd', 'packed by zstd', 'unpack it with `zstd -dc`, and give the plain file'],
  ['packed', 'BZh', 'packed by bzip2', UNPACK],
  ['packed', '\xfd7zXZ\0', 'packed by xz', UNPACK],
  ['packed', '\x04\x22\x4d\x18', 'packed by lz4', UNPACK],
  ['packed', '7z\xbc\xaf\x27\x1c', 'a 7-Zip archive', UNPACK],
  [
    'spreadsheet',
    '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1',
    'an old Excel workbook',
    'save it as CSV, with its columns as text',
  ],
  ['parquet', 'PAR1', 'a Parquet file', "write it as CSV: `duckdb -c \"COPY 'x.parquet' TO 'x.csv'\"`"],
  ['parquet', 'ARROW1', 'an Arrow file', 'write it as CSV, with pandas for example'],
  ['database', 'SQLite format 3\0', 'an SQLite database', 'export its table as CSV'],
  ['binary', '%PDF-', 'a PDF', 'give the data themselves'],
  ['binary', '\x93NUMPY', 'a NumPy array', 'write it as CSV'],
  ['binary', '\x89PNG', 'an image', 'give the data themselves'],
]

const LFS_HINT = '`git lfs pull` in its repository fetches the file itself'

/**
 * Why a file is not the text that was expected, by its first bytes (unpacked, if the reader unpacks); null if nothing
 * speaks against it.
 */
export function foreignFile(head: Uint8Array): ForeignFile | null {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, HEAD_BYTES))
  const raw = bytes.toString('latin1')
  if (raw.startsWith('PK\x03\x04')) return zipOf(raw)
  const sign = SIGNS.find(([, first]) => raw.startsWith(first))
  if (sign !== undefined) return { kind: sign[0], what: sign[2], hint: sign[3] }
  if (raw.slice(8, 12) === 'DUCK')
    return { kind: 'database', what: 'a DuckDB database', hint: 'export its table as CSV' }
  const wide = wideText(bytes)
  if (wide !== null) return wide
  if (raw.includes('\0'))
    return { kind: 'binary', what: 'no text: it holds NUL bytes', hint: 'check that it is the file you mean' }
  const text = raw.replace(/^\xef\xbb\xbf/, '').trimStart()
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    const size = /^size (\d+)/m.exec(text)?.[1]
    const of = size === undefined ? '' : `, of a file of ${Number(size).toLocaleString('en-US')} bytes`
    return { kind: 'git-lfs', what: `a Git LFS pointer${of}`, hint: LFS_HINT }
  }
  if (/^<(!doctype\s+html|html|head|body)\b/i.test(text) || /^<!--[\s\S]*<html/i.test(text)) {
    return {
      kind: 'html',
      what: 'an HTML page',
      hint: 'the download answered with a page: fetch the raw file, logged in where that is needed',
    }
  }
  if (text.startsWith('<?xml') || /^<(Error|ListBucketResult)\b/.test(text)) {
    return { kind: 'xml', what: 'an XML text', hint: 'where it was downloaded, it may be the error of the store' }
  }
  if (/^(404: Not Found|403: Forbidden|Not Found|Forbidden|Access Denied)\s*$/i.test(text)) {
    return {
      kind: 'http-error',
      what: `a server's answer, ${JSON.stringify(text.trim())}`,
      hint: 'download the file again, from its right address',
    }
  }
  return null
}

/**
 * Throws `code` if the first bytes are those of another kind of file; the reader itself handles the `accepted` kinds.
 */
export function refuseForeign(
  path: string,
  head: Uint8Array,
  code: `input/${string}`,
  expected: string,
  accepted: readonly ForeignFile['kind'][] = [],
): void {
  const found = foreignFile(head)
  if (found === null || accepted.includes(found.kind)) return
  throw new LayerlineError(code, `${path}: the file is ${found.what}; expected ${expected}`, { hint: found.hint })
}

/** The first bytes of a file, unchanged. */
export function firstBytes(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0))
  } finally {
    closeSync(fd)
  }
}

function zipOf(raw: string): ForeignFile {
  const isWorkbook = /\[Content_Types\]\.xml|xl\/|opendocument\.spreadsheet/.test(raw)
  return isWorkbook
    ? {
        kind: 'spreadsheet',
        what: "a spreadsheet's workbook",
        hint: 'save it as CSV, with its columns as text: dates are rewritten otherwise',
      }
    : { kind: 'zip', what: 'a ZIP archive', hint: UNPACK }
}

/** Text of two or four bytes per character, recognized by its byte order mark, or because every other byte is 0. */
function wideText(bytes: Buffer): ForeignFile | null {
  const mark = bytes.toString('hex', 0, 4)
  if (mark === 'fffe0000' || mark === '0000feff') {
    return { kind: 'utf-32', what: 'UTF-32 text', hint: 'convert it: `iconv -f utf-32 -t utf-8`' }
  }
  const nul = (from: number) => {
    let zeros = 0
    for (let i = from; i < bytes.length; i += 2) if (bytes[i] === 0) zeros++
    return zeros / Math.max(1, Math.ceil((bytes.length - from) / 2))
  }
  const isWide = bytes.length >= 8 && Math.max(nul(0), nul(1)) > 0.7 && Math.min(nul(0), nul(1)) < 0.1
  if (!mark.startsWith('fffe') && !mark.startsWith('feff') && !isWide) return null
  return {
    kind: 'utf-16',
    what: 'UTF-16 text',
    hint: 'convert it: `iconv -f utf-16 -t utf-8`; Excel calls UTF-8 "CSV UTF-8"',
  }
}

/**
 * What a spreadsheet made of a time, or null: `11/16/2023 18:15`, `16.11.2023 18:15:46`, `45246.76` (its day number),
 * `18:15.5` or `1.69E+12`.
 */
export function spreadsheetTime(text: string): string | null {
  const trimmed = text.trim()
  if (/^\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}(,? \d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[AP]M)?)?$/i.test(trimmed)) {
    return 'a date rewritten by a spreadsheet: day and month are ambiguous, and fractions of seconds are lost'
  }
  if (/^\d{1,2}:\d\d([.,]\d)?$/.test(trimmed)) return 'a time of day as a spreadsheet shows it: its date is gone'
  if (/^\d([.,]\d{1,5})?E\+\d\d$/.test(trimmed))
    return 'a large number as a spreadsheet shows it: its last digits are gone'
  const day = Number(trimmed)
  if (/^\d{5}[.,]\d+$/.test(trimmed) && day > 36_000 && day < 60_000) return "a spreadsheet's day number"
  return null
}
