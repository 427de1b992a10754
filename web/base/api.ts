import type { ApiError } from '../../src/server/web/api-types.ts'

/** What the server said was wrong. */
export class PageError extends Error {
  readonly code: string
  readonly hint: string | null

  constructor({ code, message, hint }: ApiError['error']) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

const UNREACHABLE = {
  code: 'page/unreachable',
  message: 'The server does not answer.',
  hint: 'Start it again: layerline serve',
}

async function answered(path: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, init)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new PageError(UNREACHABLE)
  }
  if (response.ok) return response
  const text = await response.text()
  let error: ApiError['error'] = { code: `http/${response.status}`, message: text.trim(), hint: null }
  try {
    error = (JSON.parse(text) as ApiError).error
  } catch {
    // It is the guard's plain text.
  }
  throw new PageError(error)
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await answered(path, signal === undefined ? {} : { signal })).json() as Promise<T>
}

export async function sendJson<T>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body: unknown,
  signal?: AbortSignal,
) {
  const init: RequestInit = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  if (signal !== undefined) init.signal = signal
  return (await answered(path, init)).json() as Promise<T>
}

export async function postForBytes(path: string, body: unknown, signal: AbortSignal): Promise<ArrayBuffer> {
  const headers = { 'content-type': 'application/json' }
  return (await answered(path, { method: 'POST', headers, body: JSON.stringify(body), signal })).arrayBuffer()
}

export function runPath(id: string, rest = ''): string {
  return `/api/runs/${encodeURIComponent(id)}${rest}`
}
