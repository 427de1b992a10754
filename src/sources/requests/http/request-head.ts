import { VERSION } from '../../../base/version.ts'
import { traceparents } from '../header-run-id.ts'
import { authority, type Endpoint, pathOf, type Target } from '../target.ts'

/** Head and body in one piece. */
export interface EncodedRequest {
  readonly bytes: Buffer
  readonly bodyBytes: number
}

/** The heads of a target's requests: everything except the request id and the length is written once. */
export class RequestHeads {
  private readonly heads: Record<Endpoint, string>

  /** Of a request's id; null: none is sent. */
  private readonly traceparent: ((requestId: number) => string) | null

  constructor(target: Target, runId: string) {
    this.traceparent = target.traceparent ? traceparents(runId) : null
    this.heads = { chat: headOf(target, 'chat'), completions: headOf(target, 'completions') }
  }

  /** Head and body as they are sent. */
  encode(endpoint: Endpoint, requestId: string, body: string): EncodedRequest {
    const length = Buffer.byteLength(body)
    const trace = this.traceparent === null ? '' : `traceparent: ${this.traceparent(numberOf(requestId))}\r\n`
    const head = `${this.heads[endpoint]}${trace}x-request-id: ${requestId}\r\ncontent-length: ${length}\r\n\r\n`
    const bytes = Buffer.allocUnsafe(head.length + length)
    bytes.write(head, 0, 'latin1')
    bytes.write(body, head.length, 'utf8')
    return { bytes, bodyBytes: length }
  }
}

/** The request's own number: what follows the run's id. */
function numberOf(requestId: string): number {
  return Number(requestId.slice(requestId.lastIndexOf('-') + 1))
}

/** The headers every request to the target carries, names in lower case. */
export function commonHeaders(target: Target): Record<string, string> {
  const headers: Record<string, string> = {
    host: authority(target),
    'user-agent': `layerline/${VERSION}`,
    accept: 'text/event-stream, application/json',
    'accept-encoding': 'identity',
  }
  if (target.apiKey !== undefined) headers.authorization = `Bearer ${target.apiKey}`
  for (const [name, value] of Object.entries(target.headers)) headers[name.toLowerCase()] = value
  return headers
}

function headOf(target: Target, endpoint: Endpoint): string {
  const headers = { ...commonHeaders(target), 'content-type': 'application/json', connection: 'keep-alive' }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${pathOf(target, endpoint)} HTTP/1.1\r\n${lines.join('')}`
}
