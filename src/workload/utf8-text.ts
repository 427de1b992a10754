import { isUtf8 } from 'node:buffer'
import { LayerlineError } from '../base/errors.ts'
import { refuseForeign } from '../base/foreign-file.ts'

interface Place {
  line: number
  column: number
}

/**
 * A file's bytes as text, piece by piece, its byte order mark taken off. No piece ends inside a character or between
 * `\r` and `\n`. Bytes that are not UTF-8 are an error `input/utf8` with their line and column, never replaced: a
 * silently changed prompt would be another prompt.
 */
export async function* utf8Pieces(bytes: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<string> {
  let held: Buffer = Buffer.alloc(0)
  const place = { line: 1, column: 1 }
  let first = true
  for await (const chunk of bytes) {
    const all = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk])
    const end = wholeCharacters(all)
    // A mark cut in two is held back with the rest of the first three bytes.
    if (first && end < 3) {
      held = all
      continue
    }
    if (first) refuseForeign(path, all, 'input/utf8', 'UTF-8 text')
    held = all.subarray(end)
    const text = decode(all.subarray(0, end), first, place, path)
    first = false
    advance(place, text)
    if (text !== '') yield text
  }
  if (held.length > 0) yield decode(held, first, place, path)
}

function decode(bytes: Buffer, first: boolean, place: Place, path: string): string {
  if (!isUtf8(bytes)) throw notUtf8(bytes, place, path)
  const text = bytes.toString('utf8')
  return first && text.startsWith('\uFEFF') ? text.slice(1) : text
}

/** How many of these bytes to take now: not the start of a character that is cut off, nor a last `\r`. */
function wholeCharacters(bytes: Buffer): number {
  const end = bytes.length
  if (bytes[end - 1] === 0x0d) return end - 1
  for (let back = 1; back <= 3 && back <= end; back++) {
    const byte = bytes[end - back] ?? 0
    if (byte < 0x80) return end
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
      return length > back ? end - back : end
    }
  }
  return end
}

/** Moves a place past a text; columns count characters. */
function advance(place: Place, text: string): void {
  let lineStart = -1
  for (const match of text.matchAll(/\r\n|\n|\r/g)) {
    place.line++
    lineStart = match.index + match[0].length
  }
  if (lineStart !== -1) place.column = 1
  for (const _ of text.slice(Math.max(lineStart, 0))) place.column++
}

function notUtf8(bytes: Buffer, place: Place, path: string): LayerlineError {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let good = ''
  try {
    for (const byte of bytes) good += decoder.decode(Uint8Array.of(byte), { stream: true })
  } catch {
    // `good` ends where the first bad character begins.
  }
  const bad = bytes[Buffer.byteLength(good)] ?? 0
  advance(place, good.replace(/^\uFEFF/, ''))
  return new LayerlineError(
    'input/utf8',
    `${path}:${place.line}:${place.column}: not UTF-8: byte 0x${bad.toString(16)} begins no character`,
    { hint: 'save the file as UTF-8 (for example `iconv -f latin1 -t utf-8`), unpacked' },
  )
}
