import { STATUS_CODES } from 'node:http'
import type { Status } from '../../trace/tables.ts'

const MAX_CHARS = 300

/** First match holds: exception names of aiohttp, httpx and Python, and what their texts say. */
const SIGNS: readonly (readonly [RegExp, Status])[] = [
  [/cancel/i, 'cancelled'],
  [/time(d)? ?out/i, 'timeout'],
  [/ClientConnectorError|ConnectError|Cannot connect|ECONNREFUSED|Name or service|\bDNS\b/i, 'connect_error'],
  [/reset by peer|ServerDisconnected|ReadError|RemoteProtocolError|ConnectionReset|Broken pipe/i, 'reset'],
  [/Payload|TransferEncoding|ContentLength|incomplete/i, 'truncated'],
  [/HTTPStatusError|ClientResponseError|\b[45]\d\d\b/i, 'http_error'],
]

export interface Failure {
  readonly status: Status
  readonly httpStatus: number | null
  /** One line. */
  readonly error: string | null
}

/** How a request ended, by a tool's words about its failure; `malformed` if no pattern matches. */
export function failureOf(text: string, httpStatus: number | null = null): Failure {
  const lines = text.split('\n').flatMap((line) => line.trim() || [])
  const last = lines.at(-1) ?? ''
  const error = last === '' ? null : last.length > MAX_CHARS ? `${last.slice(0, MAX_CHARS - 1)}…` : last
  const reason = Object.entries(STATUS_CODES).find(([, words]) => words === text.trim())?.[0]
  const code = httpStatus ?? (reason === undefined ? null : Number(reason))
  if (code !== null && code >= 400) return { status: 'http_error', httpStatus: code, error }
  return { status: SIGNS.find(([sign]) => sign.test(last))?.[1] ?? 'malformed', httpStatus: null, error }
}
