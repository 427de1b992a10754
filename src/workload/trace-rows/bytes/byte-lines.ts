import { LayerlineError } from '../../../base/errors.ts'

/** Past this a record is refused rather than held in memory. */
const MAX_RECORD_BYTES = 64 * 2 ** 20

const LF = 0x0a

/**
 * Pieces of a file joined so that each begins at a record: what the last piece left is put before the next one. Only
 * the line that a piece cuts is copied, not the piece.
 */
export class ByteLines {
  private held: Buffer | null = null
  private readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** What to look at one after the other, each with `join` before and `keep` after; nothing follows one that `isLast`. */
  parts(piece: Uint8Array, isLast: boolean): readonly { readonly part: Uint8Array; readonly isLast: boolean }[] {
    const end = this.held === null ? -1 : piece.indexOf(LF)
    if (end === -1) return [{ part: piece, isLast }]
    return [
      { part: piece.subarray(0, end + 1), isLast: false },
      { part: piece.subarray(end + 1), isLast },
    ]
  }

  /** The bytes to look at now: what was kept, and a part. */
  join(piece: Uint8Array): Buffer {
    const held = this.held
    this.held = null
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    return held === null ? bytes : Buffer.concat([held, bytes])
  }

  /** Keeps the start of a record that the piece cuts. `line` is where it begins. */
  keep(bytes: Buffer, from: number, line: number): void {
    if (from === bytes.length) return
    if (bytes.length - from > MAX_RECORD_BYTES) {
      throw new LayerlineError('input/trace-row', `${this.path}:${line}: a row of more than 64 MiB`, {
        hint: 'a quote may be open, or the file may be no text',
      })
    }
    this.held = Buffer.from(bytes.subarray(from))
  }
}
