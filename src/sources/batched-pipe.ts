import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { untilMultiple } from '../base/aligned-timer.ts'
import { errorCode, LayerlineError } from '../base/errors.ts'
import { scratchFolder } from '../base/scratch-folder.ts'

const READ_MS = 100
/** How often a busy pipe is read: it could fill up in a longer pause. */
const BUSY_MS = 5
const MUCH_BYTES = 8 * 1024
const BUFFER_BYTES = 64 * 1024
const MKFIFO_MS = 10_000

/**
 * A pipe for a child's output that is read ten times a second, and more often while much arrives. A Node stream would
 * wake the event loop for each write of the child, which costs more than handling the output.
 */
export class BatchedPipe {
  /** For the child's `stdio`. */
  readonly writeFd: number
  private readonly readFd: number
  private readonly buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  private readonly decoder: StringDecoder
  private timer: NodeJS.Timeout
  private take: (text: string) => void = () => undefined
  private isOpen = true

  private constructor(readFd: number, writeFd: number, encoding: 'latin1' | 'utf8') {
    this.readFd = readFd
    this.writeFd = writeFd
    this.decoder = new StringDecoder(encoding)
    this.timer = this.lookIn(untilMultiple(performance.now(), READ_MS))
  }

  /** Throws `missing/mkfifo` if the system has no named pipes. */
  static open(encoding: 'latin1' | 'utf8' = 'latin1'): BatchedPipe {
    const folder = scratchFolder('pipe')
    const path = join(folder, 'samples')
    try {
      execFileSync('mkfifo', ['-m', '600', path], { timeout: MKFIFO_MS, killSignal: 'SIGKILL' })
      // Opened for reading first: a writer would wait for a reader.
      const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      return new BatchedPipe(readFd, openSync(path, constants.O_WRONLY), encoding)
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

  private lookIn(ms: number): NodeJS.Timeout {
    const look = (): void => {
      const bytes = this.drain()
      if (this.isOpen)
        this.timer = this.lookIn(bytes > MUCH_BYTES ? BUSY_MS : untilMultiple(performance.now(), READ_MS))
    }
    return setTimeout(look, ms).unref()
  }

  /** Receives the output, in pieces of any size; with latin1, one character is one byte. */
  onText(take: (text: string) => void): void {
    this.take = take
  }

  /** Takes what is available now, and returns how many bytes that was. */
  drain(): number {
    let bytes = 0
    while (this.isOpen) {
      let length: number
      try {
        length = readSync(this.readFd, this.buffer, 0, BUFFER_BYTES, null)
      } catch (error) {
        if (errorCode(error) === 'EAGAIN') break
        throw error
      }
      if (length === 0) break
      bytes += length
      this.take(this.decoder.write(this.buffer.subarray(0, length)))
    }
    return bytes
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
}
