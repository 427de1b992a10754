import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { type AnswerContext, answerCompletion } from './answer.ts'
import { mergeBehaviour, type PartialBehaviour } from './behaviour.ts'
import { behaviourLayers } from './completion.ts'
import { Connection } from './connection.ts'
import type { HttpRequest } from './http-request.ts'
import { Pacer } from './pacer.ts'
import { page } from './pages.ts'
import { errorReply, type Reply, sendReply } from './reply.ts'
import { Slots } from './slots.ts'
import { type Truth, TruthBook } from './truth.ts'
import { UnpacedRing } from './unpaced-answer.ts'

const KEPT_REQUESTS = 200
const KEPT_BODY_BYTES = 64 * 1024

export interface PacedServerOptions {
  port: number
  host: string
  /** Names it answers to; any other is refused as vLLM does. */
  models: string[]
  maxModelLen: number
  /** Asked of everything under /v1, /tokenize and /metrics. */
  apiKey: string | null
  /** The API is served under this path too. */
  basePath: string | null
  tls: { cert: Buffer; key: Buffer } | null
  /** Leaves a new connection unread, and its TLS handshake undone, this long. */
  delayAcceptMs: number
  backlog: number
  defaults: PartialBehaviour
}

/** A request as kept for tests, a body of more than 64 KiB cut. */
export interface KeptRequest {
  method: string
  path: string
  headers: string[]
  body: string
  received_ns: number
  connection: number
  nth: number
}

/** An OpenAI-compatible server that paces its answers and knows what it did. */
export class PacedServer {
  private readonly options: PacedServerOptions
  private readonly baseNs = process.hrtime.bigint()
  private readonly book = new TruthBook()
  private readonly pacer = new Pacer(() => this.now())
  private readonly context: AnswerContext
  private readonly kept: KeptRequest[] = []
  private defaults: PartialBehaviour
  private connections = 0

  constructor(options: PacedServerOptions) {
    this.options = options
    this.defaults = options.defaults
    this.context = {
      book: this.book,
      pacer: this.pacer,
      ring: new UnpacedRing(),
      slots: new Slots(),
      models: options.models,
      maxModelLen: options.maxModelLen,
      defaults: () => this.defaults,
    }
  }

  /** Resolves to the port. */
  async listen(): Promise<number> {
    const { tls, delayAcceptMs, port, host, backlog } = this.options
    const accept = (socket: Socket) => new Connection(socket, this.connections++, this.host)
    const secure = tls === null ? null : createTlsServer({ ...tls, ALPNProtocols: ['http/1.1'] }, accept)
    secure?.on('tlsClientError', () => {})
    const admit = (socket: Socket) => (secure === null ? accept(socket) : secure.emit('connection', socket))
    const server: Server = createServer({ pauseOnConnect: delayAcceptMs > 0 }, (socket) => {
      if (delayAcceptMs === 0) {
        admit(socket)
        return
      }
      socket.on('error', () => {})
      setTimeout(() => {
        admit(socket)
        socket.resume()
      }, delayAcceptMs)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, host, backlog }, resolve)
    })
    return (server.address() as AddressInfo).port
  }

  private now(): number {
    return Number(process.hrtime.bigint() - this.baseNs)
  }

  private readonly host = {
    now: () => this.now(),
    serve: (request: HttpRequest, connection: Connection) => this.serve(request, connection),
    readPauseMs: (head: Pick<HttpRequest, 'headers' | 'query'>) =>
      mergeBehaviour(...behaviourLayers(head, this.defaults)).read_pause_ms,
  }

  private serve(request: HttpRequest, connection: Connection): void {
    const path = this.strip(request.path)
    const control = this.control(request, path)
    if (control === null) this.keep(request)
    const { apiKey } = this.options
    const open = control !== null || apiKey === null || path === '/health'
    const completion = request.method === 'POST' && /^\/v1\/(chat\/)?completions$/.test(path)
    if (!open && request.headers.get('authorization') !== `Bearer ${apiKey}`) {
      sendReply(request, connection, errorReply(401, 'Unauthorized'))
    } else if (completion) answerCompletion(request, connection, path.startsWith('/v1/chat'), this.context)
    else sendReply(request, connection, control ?? page(request, path, this.context))
  }

  /** What tests and benches ask for, not clients. */
  private control(request: HttpRequest, path: string): Reply | null {
    const json = (value: unknown): Reply => ({ status: 200, body: JSON.stringify(value) })
    switch (`${request.method} ${path}`) {
      case 'GET /truth':
        return json(this.truth())
      case 'DELETE /truth':
        this.book.clear()
        this.pacer.reset()
        return json({})
      case 'GET /requests':
        return json(this.kept)
      case 'DELETE /requests':
        this.kept.length = 0
        return json({})
      case 'PUT /paced':
        try {
          const given = JSON.parse(request.body.toString('utf8')) as PartialBehaviour
          mergeBehaviour(given)
          this.defaults = given
          return json(given)
        } catch (error) {
          return errorReply(400, String(error))
        }
      case 'DELETE /paced':
        this.defaults = this.options.defaults
        return json({})
      default:
        return null
    }
  }

  private truth(): Truth {
    return { base_ns: String(this.baseNs), ...this.book.report(), pacing: this.pacer.report() }
  }

  private keep(request: HttpRequest): void {
    if (this.kept.length === KEPT_REQUESTS) this.kept.shift()
    this.kept.push({
      method: request.method,
      path: request.path,
      headers: [...request.headerLines],
      body: request.body.toString('utf8', 0, KEPT_BODY_BYTES),
      received_ns: request.receivedNs,
      connection: request.connection,
      nth: request.nth,
    })
  }

  private strip(path: string): string {
    const { basePath } = this.options
    return basePath !== null && path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path
  }
}
