import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError, toApiError } from './api-error.ts'

/** Room for a long prompt as token ids. */
const MOST_BYTES = 16 << 20

/** The JSON of a request's body; throws ApiErrors 400 and 413. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MOST_BYTES) throw new ApiError(413, `The body is longer than ${MOST_BYTES} bytes.`)
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString('utf8')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new ApiError(400, `The body is not JSON: ${error instanceof Error ? error.message : error}`)
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  send(response, status, 'application/json', body, headers)
}

export function sendText(response: ServerResponse, status: number, body: string): void {
  send(response, status, 'text/plain; version=0.0.4; charset=utf-8', body, {})
}

/** Answers with an error of the API; a body that was not read to its end ends the connection. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return
  const { status, body } = toApiError(error)
  sendJson(response, status, body, response.req.complete ? {} : { connection: 'close' })
}

function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string>,
): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers })
  response.end(body)
}
