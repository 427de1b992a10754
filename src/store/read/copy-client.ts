import { createConnection, type Socket } from 'node:net'
import { createInterface, type Interface } from 'node:readline'
import { settledBy } from '../../base/bounded-wait.ts'
import { errorCode, LayerlineError } from '../../base/errors.ts'
import { ASK, type CopyAnswer } from '../live/copy-server.ts'
import type { Segments } from '../live/segments.ts'

/** A running recorder sends something at least every second; a stopped one sends nothing. */
const SILENCE_MS = 10_000

/** A reader's connection to one recording process: the files of its last copy stay while it is open. */
export class CopyClient {
  private readonly socket: Socket
  private readonly lines: Interface
  private waiting: { resolve(line: string): void; reject(error: Error): void } | null = null

  private constructor(socket: Socket) {
    this.socket = socket
    this.lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })
    this.lines.on('line', (line) => {
      if (line !== '') this.waiting?.resolve(line)
    })
    socket.on('error', (error) => this.waiting?.reject(error))
    socket.on('close', () => this.waiting?.reject(recorderGone()))
    socket.setTimeout(SILENCE_MS, () => {
      // Nothing is sent between two copies.
      if (this.waiting !== null) socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }))
    })
  }

  /** Null if nothing listens at this path. */
  static connect(path: string): Promise<CopyClient | null> {
    return settledBy('the system: such a socket answers or refuses at once', (resolve, reject) => {
      const socket = createConnection(path)
      socket.once('connect', () => {
        socket.removeAllListeners('error')
        resolve(new CopyClient(socket))
      })
      socket.once('error', (error) => {
        if (['ECONNREFUSED', 'ENOENT', 'EACCES', 'EPERM'].includes(errorCode(error) ?? '')) resolve(null)
        else reject(error)
      })
    })
  }

  /** Asks for a copy, at most a second old; throws `unreachable/recorder` where the recording ends meanwhile. */
  async copy(): Promise<Segments> {
    const line = await new Promise<string>((resolve, reject) => {
      if (this.socket.destroyed) return reject(recorderGone())
      this.waiting = { resolve, reject }
      this.socket.write(ASK)
    }).finally(() => {
      this.waiting = null
    })
    const answer = JSON.parse(line) as CopyAnswer
    if ('segments' in answer) return answer.segments
    const code = answer.code as ConstructorParameters<typeof LayerlineError>[0]
    throw new LayerlineError(code, answer.error, answer.hint === null ? {} : { hint: answer.hint })
  }

  close(): void {
    this.lines.close()
    this.socket.destroy()
  }
}

/** The run ends or has ended while it was read. */
export function recorderGone(cause?: unknown): LayerlineError {
  return new LayerlineError('unreachable/recorder', 'the run was ended and sealed while it was read', {
    hint: 'ask again: it can be read as a whole once it is sealed',
    cause,
  })
}
