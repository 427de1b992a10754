import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'

let buffer = Buffer.allocUnsafe(16 * 1024)

/** A text that is read again and again. */
export interface TextFile {
  /** What it says now; null where it is not there. */
  read(): string | null
  close(): void
}

/** Where the texts of /proc come from: its folder, or a transport that has those of another machine. */
export type ProcTexts = string | ((path: string) => TextFile)

export function openProcText(proc: ProcTexts, name: string): TextFile {
  return typeof proc === 'string' ? new KeptFile(join(proc, name)) : proc(join('/proc', name))
}

/** A file of /proc that is read again and again: kept open, one buffer for all. */
export class KeptFile implements TextFile {
  readonly path: string
  private fd: number | null = null

  constructor(path: string) {
    this.path = path
  }

  /** What it says now; null where it is not there, not readable, or its process is gone. */
  read(): string | null {
    try {
      this.fd ??= openSync(this.path, 'r')
      let length = 0
      for (;;) {
        if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2)
        const got = readSync(this.fd, buffer, length, buffer.length - length, length)
        if (got === 0) return buffer.toString('utf8', 0, length)
        length += got
      }
    } catch {
      this.close()
      return null
    }
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd)
    this.fd = null
  }
}
