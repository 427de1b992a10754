import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import type { RunClock } from '../../../base/time.ts'
import type { ReadStamps } from '../stream/read-stamps.ts'
import type { Target } from '../target.ts'
import { Addresses } from './addresses.ts'
import { networkWords } from './connect-errors.ts'
import { ReadQueue } from './read-queue.ts'

const READ_BYTES = 64 * 1024
const NOTHING = Buffer.alloc(0)

/** Why a connection is gone. */
export interface Closed {
  kind: 'connect' | 'end' | 'reset'
  message: string
}

export interface ConnectionUser {
  connecting(connection: Connection): void
  opened(connection: Connection): void
  /** Bytes lie in `bytes` from `start` to `end`, until the call returns. */
  received(bytes: Buffer, view: DataView, start: number, end: number): void
  closed(why: Closed): void
}

/** What the connections of a client share: above all the one buffer that all of them read into. */
export class Wire {
  readonly target: Target
  readonly clock: RunClock
  /** Bytes that were read and are still to be used. */
  readonly reads: ReadQueue
  readonly addresses: Addresses
  readonly secureContext: SecureContext | undefined
  readonly buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  readonly view = new DataView(this.buffer.buffer)
  /** Bytes read off sockets. */
  rxBytes = 0
  session: Buffer | undefined
  /** `settle` runs after the bytes of each read were used. */
  constructor(target: Target, clock: RunClock, stamps: ReadStamps, settle: () => void) {
    this.target = target
    this.clock = clock
    this.reads = new ReadQueue(stamps, settle)
    this.addresses = new Addresses(target.host)
    this.secureContext = target.tls ? createSecureContext({ ca: target.ca }) : undefined
  }

  read(connection: Connection, bytes: number): void {
    this.rxBytes += bytes
    this.reads.add(connection, this.buffer, this.view, bytes)
  }
}

/** One TCP or TLS connection to the target, used by one request at a time. */
export class Connection {
  user: ConnectionUser
  readonly startNs: number
  openedNs = Number.NaN
  /** Requests written on it so far. */
  uses = 0
  gone = false
  private readonly wire: Wire
  private socket: Socket | null = null
  private candidates: readonly string[] = []
  private attempt = 0
  private attemptNs = 0
  private paused = false

  constructor(wire: Wire, user: ConnectionUser) {
    this.wire = wire
    this.user = user
    this.startNs = wire.clock.now()
    const addresses = wire.addresses.get()
    if (Array.isArray(addresses)) this.begin(addresses)
    else {
      addresses.then(
        (found) => this.begin(found),
        (error: unknown) => this.lost('connect', `${wire.target.host}: ${networkWords(error)}`),
      )
    }
  }

  /** All that was written has been handed to the kernel. */
  get drained(): boolean {
    return this.socket !== null && this.socket.writableLength === 0
  }

  /** The client's own address; null before it is connected. */
  get localPort(): number | null {
    return this.socket?.localPort ?? null
  }

  /** `handed` is called once the last byte is with the kernel: before this returns, if it can be. */
  write(bytes: Buffer, handed: () => void): void {
    const socket = this.socket
    if (socket === null) return
    this.uses++
    socket.write(bytes)
    if (socket.writableLength === 0) handed()
    // A callback is passed only if some bytes are left: the socket's queues keep its closure alive for long.
    else socket.write(NOTHING, () => this.gone || handed())
  }

  /** Pauses and resumes reading, when the consumer cannot keep up. */
  pause(): void {
    this.paused = true
    this.socket?.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.socket?.resume()
  }

  /** Without a call to the user. */
  destroy(): void {
    this.gone = true
    this.socket?.destroy()
  }

  /** Goes to the next address when this one has used its share of the time to connect. */
  checkAttempt(nowNs: number): void {
    const left = this.candidates.length - this.attempt
    if (this.socket === null || left <= 1 || !Number.isNaN(this.openedNs)) return
    const shareNs = (this.wire.target.timeouts.connectMs * 1e6) / this.candidates.length
    if (nowNs - this.attemptNs > shareNs) this.next(`no answer within ${Math.round(shareNs / 1e6)} ms`)
  }

  private begin(addresses: readonly string[]): void {
    if (this.gone) return
    this.candidates = addresses
    this.tryAddress()
  }

  private tryAddress(): void {
    const { wire } = this
    const { target } = wire
    const address = this.candidates[this.attempt]!
    this.attemptNs = wire.clock.now()
    // Only the newest attempt's socket may report.
    const mine = () => !this.gone && this.socket === socket
    const options = {
      host: address,
      port: target.port,
      noDelay: true,
      onread: {
        buffer: wire.buffer,
        callback: (bytes: number) => {
          if (mine()) wire.read(this, bytes)
          return !this.paused
        },
      },
    }
    const socket: Socket = target.tls ? connectTls({ ...options, ...this.tlsOptions() }) : connectTcp(options)
    this.socket = socket
    socket.on(target.tls ? 'secureConnect' : 'connect', () => {
      if (!mine()) return
      this.openedNs = wire.clock.now()
      wire.addresses.answered(address)
      this.user.opened(this)
    })
    if (target.tls) socket.on('session', (session: Buffer) => (wire.session = session))
    socket.on('error', (error) => {
      wire.reads.flush()
      if (!mine()) return
      if (Number.isNaN(this.openedNs)) this.next(networkWords(error))
      else this.lost('reset', networkWords(error))
    })
    const ended = () => {
      wire.reads.flush()
      if (!mine()) return
      if (Number.isNaN(this.openedNs)) this.next('the server closed the connection while it was being opened')
      else this.lost('end', 'the server closed the connection')
    }
    socket.on('end', ended)
    socket.on('close', ended)
  }

  private tlsOptions() {
    const { target, session, secureContext } = this.wire
    return {
      secureContext,
      rejectUnauthorized: !target.insecure,
      ALPNProtocols: ['http/1.1'],
      ...(target.servername === '' ? {} : { servername: target.servername }),
      ...(session === undefined ? {} : { session }),
    }
  }

  private next(why: string): void {
    this.socket?.destroy()
    const address = this.candidates[this.attempt]!
    this.attempt++
    if (this.attempt < this.candidates.length) this.tryAddress()
    else this.lost('connect', `${address.includes(':') ? `[${address}]` : address}:${this.wire.target.port}: ${why}`)
  }

  private lost(kind: Closed['kind'], message: string): void {
    if (this.gone) return
    this.destroy()
    this.user.closed({ kind, message })
  }
}
