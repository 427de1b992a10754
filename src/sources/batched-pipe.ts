import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { errorCode, LayerlineError } from '../base/errors.ts'

/** What a pipe of the system holds. */
const BUFFER_BYTES = 64 * 1024

export interface BatchedPipeOptions {
  /** How often it is looked into; a pipe that was found half full is looked into again at once. */
  readonly readMs?: number
  /** `latin1`: one character a byte. */
  readonly encoding?: 'latin1' | 'utf8'
}

/**
 * A pipe for a child's output that is looked into ten times a second. A stream of Node wakes its event loop for each
 * write of the child, which costs more than all that is done with what is written.
 */
export class BatchedPipe {
  /** For the child's `stdio`. */
  readonly writeFd: number
  private readonly readFd: number
  private readonly buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  private readonly decoder: StringDecoder
  private readonly readMs: number
  private timer: NodeJS.Timeout | undefined
  private take: (text: string) => void = () => undefined
  private isOpen = true

  private constructor(readFd: number, writeFd: number, { readMs = 100, encoding = 'latin1' }: BatchedPipeOptions) {
    this.readFd = readFd
    this.writeFd = writeFd
    this.readMs = readMs
    this.decoder = new StringDecoder(encoding)
    this.look()
  }

  /** Throws `missing/mkfifo` where the system has no named pipes. */
  static open(options: BatchedPipeOptions = {}): BatchedPipe {
    const folder = mkdtempSync(join(tmpdir(), 'layerline-pipe-'))
    const path = join(folder, 'samples')
    try {
      execFileSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' })
      // Opened for reading first: a writer would wait for a reader.
      const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      return new BatchedPipe(readFd, openSync(path, constants.O_WRONLY), options)
    } catch (cause) {
      throw new LayerlineError('missing/mkfifo', `${path}: no named pipe could be made`, {
        hint: 'expected the command mkfifo, and a temporary folder on a local disk (TMPDIR)',
        cause,
      })
    } finally {
      // From here on it is a pipe like any other.
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** Who gets the output, in pieces of any size. */
  onText(take: (text: string) => void): void {
    this.take = take
  }

  /** Takes what is there now; returns its bytes. */
  drain(): number {
    for (let taken = 0; ; ) {
      const length = this.isOpen ? this.read() : 0
      if (length === 0) return taken
      taken += length
      this.take(this.decoder.write(this.buffer.subarray(0, length)))
    }
  }

  /** Takes the rest and closes it. */
  close(): void {
    if (!this.isOpen) return
    clearTimeout(this.timer)
    this.drain()
    this.isOpen = false
    closeSync(this.readFd)
    closeSync(this.writeFd)
  }

  private look(): void {
    const isBehind = this.drain() >= BUFFER_BYTES / 2
    if (!this.isOpen) return
    this.timer = setTimeout(() => this.look(), isBehind ? 0 : this.readMs)
    this.timer.unref()
  }

  private read(): number {
    try {
      return readSync(this.readFd, this.buffer, 0, BUFFER_BYTES, null)
    } catch (error) {
      if (errorCode(error) === 'EAGAIN') return 0
      throw error
    }
  }
}
