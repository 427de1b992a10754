/** What other decoders take unless told otherwise: 128 MiB. */
const MOST_WINDOW_BYTES = 128 * 2 ** 20
const SKIPPABLE = 0x184d2a5
const FRAME = 0xfd2fb528

/**
 * Why a zstd file would take too much memory, in words, or null: a frame's head names the window that a decoder keeps, up to
 * 2 GB. `head`: the file's first bytes. RFC 8878, 3.1.1.1.
 */
export function zstdWindowProblem(head: Buffer): string | null {
  let at = 0
  while (at + 8 <= head.length && head.readUInt32LE(at) >>> 4 === SKIPPABLE) at += 8 + head.readUInt32LE(at + 4)
  if (at + 6 > head.length || head.readUInt32LE(at) !== FRAME) return null
  const descriptor = head[at + 4] as number
  const single = (descriptor & 0x20) !== 0
  const window = single ? contentSize(head, at + 5, descriptor) : windowSize(head[at + 5] as number)
  if (window === null || window <= MOST_WINDOW_BYTES) return null
  const [is, most] = [window, MOST_WINDOW_BYTES].map((bytes) => Math.round(bytes / 2 ** 20))
  return `a window of ${is} MiB; up to ${most} MiB are taken`
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3))
  return base + (base / 8) * (byte & 7)
}

/** A frame of one segment keeps all of its content. */
function contentSize(head: Buffer, start: number, descriptor: number): number | null {
  const at = start + ([0, 1, 2, 4][descriptor & 3] as number)
  const bytes = [1, 2, 4, 8][descriptor >> 6] as number
  if (at + bytes > head.length) return null
  if (bytes === 8) return Number(head.readBigUInt64LE(at))
  return head.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0)
}
