import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Asked {
  /** Which completion it is, from 0. */
  readonly n: number
  readonly method: string
  readonly path: string
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  /** When it came, ms of a clock that does not jump. */
  readonly atMs: number
}

export type Answer = (asked: Asked, reply: Reply) => Promise<void> | void

export interface CaseServer {
  readonly url: string
  readonly asked: readonly Asked[]
  stop(): Promise<void>
}

const MODELS = { object: 'list', data: [{ id: 'mock', object: 'model', created: 0, owned_by: 'mock' }] }

/** One answer, written by hand: any framing, any bytes, closed at any place. */
export class Reply {
  private readonly socket: Socket
  private framing: 'chunked' | 'length' | 'close' | null = null

  constructor(socket: Socket) {
    this.socket = socket
  }

  get gone(): boolean {
    return this.socket.destroyed
  }

  raw(bytes: string | Buffer): void {
    if (!this.gone) this.socket.write(bytes)
  }

  start(
    options: {
      status?: number
      type?: string
      framing?: 'chunked' | 'close'
      headers?: readonly string[]
      version?: string
    } = {},
  ): void {
    const { status = 200, type = 'text/event-stream', framing = 'chunked', headers = [], version = '1.1' } = options
    this.framing = framing
    const lines = [`HTTP/${version} ${status} Said`, `Content-Type: ${type}`, ...headers]
    lines.push(framing === 'chunked' ? 'Transfer-Encoding: chunked' : 'Connection: close')
    this.raw(`${lines.join('\r\n')}\r\n\r\n`)
  }

  /** One piece, one HTTP chunk. */
  write(piece: string | Buffer): void {
    const bytes = Buffer.from(piece)
    if (this.framing !== 'chunked') this.raw(bytes)
    else this.raw(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]))
  }

  event(value: unknown, eol = '\n'): void {
    this.write(sse(value, eol))
  }

  /** Ends the body as its framing has it. */
  end(trailers = ''): void {
    if (this.framing === 'chunked') this.raw(`0\r\n${trailers}\r\n`)
    else this.socket.end()
  }

  /** Closes the connection, wherever it is in the body. */
  close(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  json(value: unknown, status = 200, headers: readonly string[] = []): void {
    this.text(JSON.stringify(value), status, 'application/json', headers)
  }

  text(text: string, status = 200, type = 'text/plain', headers: readonly string[] = []): void {
    const lines = [`HTTP/1.1 ${status} Said`, `Content-Type: ${type}`, ...headers]
    this.raw(`${lines.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  }

  /** Waits; false where the client has gone. */
  async ms(count: number): Promise<boolean> {
    await sleep(count)
    return !this.gone
  }
}

export function sse(value: unknown, eol = '\n'): string {
  return `data: ${typeof value === 'string' ? value : JSON.stringify(value)}${eol}${eol}`
}

/** A `chat.completion.chunk`; `delta` is a text or an object. */
export function chunk(delta: unknown = {}, finish: unknown = null, more: object = {}): Record<string, unknown> {
  const said = typeof delta === 'string' ? { content: delta } : delta
  return {
    id: 'chatcmpl-case',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'mock',
    choices: [{ index: 0, delta: said, finish_reason: finish }],
    ...more,
  }
}

export const ROLE = { role: 'assistant', content: '' }

export function usage(prompt: number, completion: number) {
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}

export function usageChunk(prompt: number, completion: number): Record<string, unknown> {
  return { ...chunk(), choices: [], usage: usage(prompt, completion) }
}

/** A stream in which nothing is odd. */
export async function goodAnswer(reply: Reply, tokens = 8, gapMs = 0): Promise<void> {
  reply.start()
  reply.event(chunk(ROLE))
  for (let i = 0; i < tokens; i++) {
    if (gapMs > 0) await reply.ms(gapMs)
    reply.event(chunk(` w${i}`))
  }
  reply.event(chunk({}, 'stop'))
  reply.event(usageChunk(11, tokens))
  reply.event('[DONE]')
  reply.end()
}

/**
 * A small HTTP/1.1 server on loopback for answers that no well-made server gives. POSTs to `…/completions` go to `answer`; GETs of
 * `…/models` list one model, unless `models` answers them.
 */
export async function startCaseServer(
  answer: Answer,
  models: (reply: Reply) => void = (reply) => reply.json(MODELS),
): Promise<CaseServer> {
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  let completions = 0
  const take = async (socket: Socket, head: string, body: string) => {
    const [line = '', ...fields] = head.split('\r\n')
    const [method = '', path = ''] = line.split(' ')
    const headers = new Map(
      fields.map((field) => [
        field.slice(0, field.indexOf(':')).toLowerCase(),
        field.slice(field.indexOf(':') + 1).trim(),
      ]),
    )
    const completion = method === 'POST' && /\/completions\/?$/.test(path)
    const request = { n: completion ? completions++ : -1, method, path, headers, body, atMs: performance.now() }
    asked.push(request)
    const reply = new Reply(socket)
    if (completion) await answer(request, reply)
    else if (/\/models$/.test(path)) models(reply)
    else reply.json({ error: { message: 'no such path' } }, 404)
  }
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    let text = Buffer.alloc(0)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (bytes) => {
      text = Buffer.concat([text, bytes])
      const end = text.indexOf('\r\n\r\n')
      const head = text.toString('latin1', 0, Math.max(0, end))
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      if (end < 0 || text.length < end + 4 + length) return
      const body = text.toString('utf8', end + 4, end + 4 + length)
      text = text.subarray(end + 4 + length)
      void take(socket, head, body)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stop() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
