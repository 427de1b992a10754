import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Thrown if a file holds more than is allowed for it. */
export class FileTooLarge extends Error {
  constructor(mostBytes: number) {
    super(`more than ${sizeText(mostBytes)}: no file of this kind is so long`)
    this.name = 'FileTooLarge'
  }
}

/**
 * Reads a whole file: settings, keys, lists. Reading stops after `mostBytes`: a wrong path must not fill the memory,
 * even if it is a device that never ends. Throws the system's error, or `FileTooLarge`.
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
