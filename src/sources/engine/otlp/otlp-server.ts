import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { listening } from '../../../base/bounded-wait.ts'
import { errorCode, errorText, LayerlineError } from '../../../base/errors.ts'
import { type OtlpSpan, readTraceRequest } from './trace-request.ts'

const PATH = '/v1/traces'
/** Of a body, unpacked too. vLLM sends at most 512 spans of a few hundred bytes at once. */
export const MOST_BODY_BYTES = 8 << 20
/** A sender slower than this is not an exporter. */
const BODY_MS = 10_000
const MOST_CONNECTIONS = 64

export interface OtlpServer {
  /** What an exporter is to be given. */
  readonly url: string
  /** Bodies that were refused, and why the first was. */
  readonly refused: { count: number; first: string }
  close(): void
}

/**
 * Receives traces by OTLP over HTTP (`http/protobuf`) on 127.0.0.1 and hands their spans on; port 0 takes any free one.
 * Other requests are refused and counted. Throws `usage/port`.
 */
export async function startOtlpServer(port: number, onSpans: (spans: OtlpSpan[]) => void): Promise<OtlpServer> {
  const refused = { count: 0, first: '' }
  const server = createServer((request, response) => {
    void receive(request).then(
      (spans) => {
        onSpans(spans)
        // The reply of an ExportTraceServiceResponse without errors is an empty message.
        response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': '0' }).end()
      },
      (error: unknown) => {
        const refusal = error instanceof Refusal ? error : new Refusal(400, errorText(error))
        if (refused.count++ === 0) refused.first = refusal.message
        refuse(request, response, refusal)
      },
    )
  })
  server.maxConnections = MOST_CONNECTIONS
  server.requestTimeout = BODY_MS
  server.headersTimeout = BODY_MS
  await listening(server, () => server.listen(port, '127.0.0.1')).catch((cause: unknown) => {
    throw notListening(port, cause)
  })
  server.unref()
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`,
    refused,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number, text: string) {
    super(text)
    this.status = status
  }
}

async function receive(request: IncomingMessage): Promise<OtlpSpan[]> {
  if ((request.url ?? '').replace(/\?.*$/s, '') !== PATH) throw new Refusal(404, `traces go to ${PATH}`)
  if (request.method !== 'POST') throw new Refusal(405, 'traces are sent by POST')
  // A page in a browser may send a POST of plain text to 127.0.0.1 unasked, but not one of this type.
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/x-protobuf') {
    throw new Refusal(
      415,
      `expected application/x-protobuf, got ${type || 'no type'}: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf`,
    )
  }
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity' && encoding !== 'gzip') throw new Refusal(415, `content-encoding ${encoding} is not read`)
  const body = await wholeBody(request)
  return readTraceRequest(encoding === 'gzip' ? unpacked(body) : body)
}

async function wholeBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length
    if (bytes > MOST_BODY_BYTES) throw new Refusal(413, `a body of more than ${MOST_BODY_BYTES} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function unpacked(body: Buffer): Buffer {
  try {
    return gunzipSync(body, { maxOutputLength: MOST_BODY_BYTES })
  } catch (error) {
    const large = errorCode(error) === 'ERR_BUFFER_TOO_LARGE'
    throw large
      ? new Refusal(413, `a body of more than ${MOST_BODY_BYTES} bytes, unpacked`)
      : new Refusal(400, 'no gzip')
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, { status, message }: Refusal): void {
  if (response.headersSent || response.destroyed) return
  // The rest of a body that is too long is not read.
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
  response.end(`${message}\n`, () => request.destroy())
}

function notListening(port: number, cause: unknown): LayerlineError {
  const taken = errorCode(cause) === 'EADDRINUSE'
  return new LayerlineError(
    'usage/port',
    `--otlp-listen ${port}: ${taken ? 'another process listens there' : errorText(cause)}`,
    {
      hint: 'name a free port, and give the server the same: --otlp-traces-endpoint http://127.0.0.1:PORT/v1/traces',
      cause,
    },
  )
}
