import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Thrown where a file holds more than was allowed for it. */
export class FileTooLarge extends Error {
  constructor(mostBytes: number) {
    super(`more than ${sizeText(mostBytes)}: no file of this kind is so long`)
    this.name = 'FileTooLarge'
  }
}

/**
 * A file that is read as a whole: settings, keys, lists. What is longer than `mostBytes` is not read on: a wrong path must
 * not fill the memory, be it a device that never ends. Throws the system's error, or `FileTooLarge`.
 */
export function readSmallFile(path: string, mostBytes: number): Buffer {
  const fd = openSync(path, 'r')
  try {
    const found = fstatSync(fd)
    if (found.isFile() && found.size > mostBytes) throw new FileTooLarge(mostBytes)
    const pieces: Buffer[] = []
    for (let bytes = 0; ; ) {
      const piece = Buffer.allocUnsafe(64 * 1024)
      const length = readSync(fd, piece, 0, piece.length, null)
      if (length === 0) return Buffer.concat(pieces)
      bytes += length
      if (bytes > mostBytes) throw new FileTooLarge(mostBytes)
      pieces.push(piece.subarray(0, length))
    }
  } finally {
    closeSync(fd)
  }
}

function sizeText(bytes: number): string {
  return bytes >= 1 << 20 ? `${bytes / (1 << 20)} MiB` : `${bytes / 1024} KiB`
}
