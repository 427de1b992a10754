import { type Behaviour, mergeBehaviour } from './behaviour.ts'
import type { Connection } from './connection.ts'
import { Framing } from './framing.ts'
import type { HttpRequest } from './http-request.ts'

const REASONS: Record<number, string> = {
  200: 'OK',
  204: 'No Content',
  307: 'Temporary Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}
const TYPES: Record<number, string> = {
  400: 'BadRequestError',
  401: 'AuthenticationError',
  404: 'NotFoundError',
  429: 'RateLimitError',
  503: 'ServiceUnavailableError',
}

export interface Reply {
  status: number
  type?: string
  /** Further header lines, each with its CRLF. */
  headers?: string
  body: string
}

/** An error as OpenAI-compatible servers write it. */
export function errorReply(status: number, message: string, headers = ''): Reply {
  const error = { message, type: TYPES[status] ?? 'InternalServerError', param: null, code: status }
  return { status, headers, body: JSON.stringify({ error }) }
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${REASONS[status] ?? 'Status'}\r\n`
}

/** Header lines that the behaviour and the request's own wishes ask for. */
export function commonHeaders(request: HttpRequest, b: Behaviour): string {
  const id = request.headers.get('x-request-id')
  const closing = closes(request, b) && b.close !== 'silent' && b.framing !== 'close' ? 'connection: close\r\n' : ''
  let flood = ''
  for (let i = 0; flood.length < b.header_flood_bytes; i++) flood += `x-flood-${i}: ${'f'.repeat(200)}\r\n`
  return `server: paced\r\n${id === undefined ? '' : `x-request-id: ${id}\r\n`}${closing}${flood}`
}

export function closes(request: HttpRequest, b: Behaviour): boolean {
  return b.close !== 'no' || b.framing === 'close' || /close/i.test(request.headers.get('connection') ?? '')
}

/** Sends a head, as slowly as the behaviour says, and then continues. */
export function sendHead(connection: Connection, head: string, b: Behaviour, then: () => void): void {
  const informational = b.informational
    ? 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n'
    : ''
  const text = `${informational}${head}\r\n`
  connection.splitInto(b.split)
  if (b.slow_headers_ms === 0) {
    connection.send(text)
    then()
    return
  }
  const lines = text.split(/(?<=\r\n)/)
  const timer = setInterval(() => {
    connection.send(lines.shift()!)
    if (lines.length > 0 && !connection.closed) return
    clearInterval(timer)
    then()
  }, b.slow_headers_ms)
}

/** Ends an answer: closes the connection where that was asked for, or reads the next request. */
export function endAnswer(request: HttpRequest, connection: Connection, b: Behaviour): void {
  if (!closes(request, b)) connection.next()
  else if (b.close_after_ms === 0) connection.socket.end()
  else {
    connection.next()
    setTimeout(() => connection.socket.end(), b.close_after_ms)
  }
}

/** Sends an answer that is all there. */
export function sendReply(request: HttpRequest, connection: Connection, reply: Reply, behaviour?: Behaviour): void {
  const given = behaviour ?? mergeBehaviour()
  const framing = given.framing === 'chunked' && given.chunk_bytes === 0 ? 'content_length' : given.framing
  const b = { ...given, framing }
  const carrier = new Framing(b)
  const body = Buffer.concat([Buffer.from(carrier.frame([reply.body])), carrier.end()])
  const head =
    statusLine(reply.status) +
    commonHeaders(request, b) +
    `content-type: ${reply.type ?? 'application/json'}\r\n` +
    (reply.headers ?? '') +
    carrier.headers(body.length)
  sendHead(connection, head, b, () => {
    if (body.length > 0 && request.method !== 'HEAD') connection.send(body)
    connection.whenSent(() => endAnswer(request, connection, b))
  })
}
