/** A request as it came. */
export interface HttpRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case; of a repeated header, the last. */
  readonly headers: ReadonlyMap<string, string>
  /** Header lines as written. */
  readonly headerLines: readonly string[]
  readonly body: Buffer
  /** When the last byte of the body was read, ns on the server's clock. */
  readonly receivedNs: number
  /** Which connection brought it, from 0, and which request of that connection it is, from 0. */
  readonly connection: number
  readonly nth: number
}

export type RequestHead = Omit<HttpRequest, 'body' | 'receivedNs' | 'connection' | 'nth'>

/** The head before the empty line; throws where it is not HTTP/1. */
export function parseHead(text: string): RequestHead {
  const [first = '', ...headerLines] = text.split('\r\n')
  const [method, target, version] = first.split(' ')
  if (method === undefined || target === undefined || !version?.startsWith('HTTP/1.')) {
    throw new SyntaxError(`not a request line: ${JSON.stringify(first.slice(0, 80))}`)
  }
  const at = target.indexOf('?')
  const headers = new Map<string, string>()
  for (const line of headerLines) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new SyntaxError(`not a header line: ${JSON.stringify(line.slice(0, 80))}`)
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return {
    method,
    path: at < 0 ? target : target.slice(0, at),
    query: new URLSearchParams(at < 0 ? '' : target.slice(at)),
    headers,
    headerLines,
  }
}

/** Where the body ends in `bytes`, and the body; null while it is not all there. */
export function takeBody(head: RequestHead, bytes: Buffer): { body: Buffer; end: number } | null {
  if (/chunked/i.test(head.headers.get('transfer-encoding') ?? '')) return takeChunked(bytes)
  const length = Number(head.headers.get('content-length') ?? '0')
  if (!Number.isSafeInteger(length) || length < 0) throw new SyntaxError('content-length is not a length')
  return bytes.length < length ? null : { body: bytes.subarray(0, length), end: length }
}

function takeChunked(bytes: Buffer): { body: Buffer; end: number } | null {
  const parts: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (!(size >= 0)) throw new SyntaxError('not a chunk size')
    at = lineEnd + 2
    if (size === 0) {
      const end = bytes.indexOf('\r\n', at)
      return end < 0 ? null : { body: Buffer.concat(parts), end: end + 2 }
    }
    if (bytes.length < at + size + 2) return null
    parts.push(bytes.subarray(at, at + size))
    at += size + 2
  }
}
