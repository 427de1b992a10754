import { execFile } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorCode, LayerlineError } from '../../base/errors.ts'

const READ_MS = 100
const BUFFER_BYTES = 64 * 1024

/**
 * A pipe for a child's output that is looked into ten times a second. A stream of Node wakes its event loop for each
 * write of the child, which at 10 ms costs more than all that is done with the samples.
 */
export class BatchedPipe {
  /** For the child's `stdio`. */
  readonly writeFd: number
  private readonly readFd: number
  private readonly buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  private readonly timer: NodeJS.Timeout
  private take: (text: string) => void = () => undefined
  private isOpen = true

  private constructor(readFd: number, writeFd: number) {
    this.readFd = readFd
    this.writeFd = writeFd
    this.timer = setInterval(() => this.drain(), READ_MS)
    this.timer.unref()
  }

  /** Throws `missing/mkfifo` where the system has no named pipes. */
  static async open(): Promise<BatchedPipe> {
    const folder = mkdtempSync(join(tmpdir(), 'layerline-pipe-'))
    const path = join(folder, 'samples')
    try {
      await promisify(execFile)('mkfifo', ['-m', '600', path])
      // Opened for reading first: a writer would wait for a reader.
      const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      return new BatchedPipe(readFd, openSync(path, constants.O_WRONLY))
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

  /** Who gets the output, in pieces of any size, one character a byte. */
  onText(take: (text: string) => void): void {
    this.take = take
  }

  /** Takes what is there now. */
  drain(): void {
    while (this.isOpen) {
      let length: number
      try {
        length = readSync(this.readFd, this.buffer, 0, BUFFER_BYTES, null)
      } catch (error) {
        if (errorCode(error) === 'EAGAIN') return
        throw error
      }
      if (length === 0) return
      this.take(this.buffer.toString('latin1', 0, length))
    }
  }

  /** Takes the rest and closes it. */
  close(): void {
    if (!this.isOpen) return
    clearInterval(this.timer)
    this.drain()
    this.isOpen = false
    closeSync(this.readFd)
    closeSync(this.writeFd)
  }
}
