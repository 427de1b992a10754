import type { Socket } from 'node:net'
import { type HttpRequest, parseHead, type RequestHead, takeBody } from './http-request.ts'

const MAX_HEAD_BYTES = 256 * 1024

export interface ConnectionHost {
  now(): number
  /** Answers, and calls `connection.next()` when the answer is out. */
  serve(request: HttpRequest, connection: Connection): void
  /** How long to pause after each read of body bytes, ms. */
  readPauseMs(head: RequestHead): number
}

/** One client connection: reads requests one by one, writes whole or split. */
export class Connection {
  readonly socket: Socket
  readonly id: number
  closed = false
  /** Called once when the client goes away in the middle of an answer. */
  onClose: (() => void) | null = null
  private readonly host: ConnectionHost
  private head: RequestHead | null = null
  private parts: Buffer[] = []
  private bytes = 0
  private nth = 0
  private busy = false
  private split = 0
  private readonly pieces: { data: Buffer; wrote: (() => void) | undefined }[] = []

  constructor(socket: Socket, id: number, host: ConnectionHost) {
    this.socket = socket
    this.id = id
    this.host = host
    socket.setNoDelay(true)
    socket.on('data', (data: Buffer) => this.receive(data))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      this.pieces.length = 0
      this.onClose?.()
    })
  }

  /** Sends; `wrote` is called just before the last of the bytes are handed to the socket. */
  send(data: string | Buffer, wrote?: () => void): void {
    if (this.closed) return
    if (this.split === 0 && this.pieces.length === 0) {
      wrote?.()
      this.socket.write(data)
      return
    }
    const whole = Buffer.from(data)
    const step = this.split || whole.length || 1
    const idle = this.pieces.length === 0
    for (let at = 0; at < whole.length; at += step) {
      const last = at + step >= whole.length
      this.pieces.push({ data: whole.subarray(at, at + step), wrote: last ? wrote : undefined })
    }
    if (idle) setImmediate(() => this.sendPiece())
  }

  /** Runs once all that was sent is handed to the socket. */
  whenSent(work: () => void): void {
    if (this.pieces.length === 0) work()
    else this.pieces.push({ data: Buffer.alloc(0), wrote: work })
  }

  /** Sends so many bytes at a time from now on; 0: whole. */
  splitInto(bytes: number): void {
    this.split = bytes
  }

  get splitting(): boolean {
    return this.split > 0
  }

  /** ns on the server's clock. */
  now(): number {
    return this.host.now()
  }

  /**
   * Resets the connection. Node's `resetAndDestroy` lets a FIN go first, which the client may take for the end, so the
   * stream's own end is skipped. A TLS connection cannot be reset: it is cut without its closing alert.
   */
  reset(): void {
    const { socket } = this
    if ('encrypted' in socket) socket.destroy()
    else {
      socket._final = (done) => done()
      socket.resetAndDestroy()
    }
  }

  /** The answer is out: the next request may be read. */
  next(): void {
    this.onClose = null
    this.busy = false
    this.head = null
    if (!this.closed) this.advance()
  }

  private sendPiece(): void {
    const piece = this.pieces[0]
    if (piece === undefined) return
    piece.wrote?.()
    if (piece.data.length > 0) this.socket.write(piece.data)
    this.pieces.shift()
    if (this.pieces.length > 0) setImmediate(() => this.sendPiece())
  }

  private receive(data: Buffer): void {
    this.parts.push(data)
    this.bytes += data.length
    if (!this.busy) this.advance()
  }

  private advance(): void {
    try {
      if (this.head === null && !this.readHead()) return
      this.readBody(this.head!)
    } catch (error) {
      const text = `bad request: ${error instanceof Error ? error.message : error}`
      this.socket.end(`HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: ${text.length}\r\n\r\n${text}`)
    }
  }

  private readHead(): boolean {
    const bytes = this.joined()
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) {
      if (bytes.length > MAX_HEAD_BYTES) throw new SyntaxError('the head is too long')
      return false
    }
    this.head = parseHead(bytes.toString('latin1', 0, end))
    this.keep(bytes.subarray(end + 4))
    if (/100-continue/i.test(this.head.headers.get('expect') ?? '')) this.socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    return true
  }

  private readBody(head: RequestHead): void {
    const awaited = Number(head.headers.get('content-length') ?? '0')
    const taken = this.bytes < awaited ? null : takeBody(head, this.joined())
    if (taken === null) {
      this.pause(this.host.readPauseMs(head))
      return
    }
    const receivedNs = this.host.now()
    this.keep(this.joined().subarray(taken.end))
    this.busy = true
    const request = { ...head, body: taken.body, receivedNs, connection: this.id, nth: this.nth++ }
    this.host.serve(request, this)
  }

  private pause(ms: number): void {
    if (ms === 0) return
    this.socket.pause()
    setTimeout(() => this.socket.resume(), ms)
  }

  private joined(): Buffer {
    if (this.parts.length !== 1) this.parts = [Buffer.concat(this.parts)]
    return this.parts[0]!
  }

  private keep(rest: Buffer): void {
    this.parts = rest.length === 0 ? [] : [rest]
    this.bytes = rest.length
  }
}
