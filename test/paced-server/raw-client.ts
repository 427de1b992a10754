import { connect, type Socket } from 'node:net'
import type { PartialBehaviour } from './behaviour.ts'

/** What came back over a socket, byte for byte. */
export interface RawAnswer {
  /** Everything, head and framing included. */
  readonly bytes: Buffer
  readonly head: string
  /** Without the HTTP framing; what follows a malformed chunk size is skipped. */
  readonly body: Buffer
  /** Monotonic ns of each read, and how many bytes were there after it. */
  readonly reads: { atNs: bigint; bytes: number }[]
  /** Monotonic ns just before the request was handed to the socket. */
  readonly sentNs: bigint
  /** How the answer ended: its framing was complete, the peer closed or reset, or `ms` passed. */
  readonly end: 'complete' | 'closed' | 'reset' | 'waited'
}

export interface RawOptions {
  path?: string
  headers?: string[]
  /** Gives up waiting after this long. */
  ms?: number
}

/** One POST over a plain socket of its own, written and read without any HTTP library. */
export async function rawPost(
  port: number,
  body: Record<string, unknown>,
  options: RawOptions = {},
): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1')
  try {
    return await exchange(socket, body, options)
  } finally {
    socket.destroy()
  }
}

/** A streamed completion of `tokens` tokens that behaves like `paced`. */
export function rawStream(port: number, tokens: number, paced: PartialBehaviour, more: Record<string, unknown> = {}) {
  return rawPost(port, { model: 'paced', prompt: 'one two three', max_tokens: tokens, stream: true, paced, ...more })
}

/** One request on a socket that may be used again. */
export function exchange(socket: Socket, body: Record<string, unknown>, options: RawOptions): Promise<RawAnswer> {
  const payload = JSON.stringify(body)
  const lines = [`host: paced`, `content-length: ${Buffer.byteLength(payload)}`, ...(options.headers ?? [])]
  const request = `POST ${options.path ?? '/v1/completions'} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${payload}`
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    const reads: RawAnswer['reads'] = []
    let bytes = 0
    let sentNs = 0n
    const finish = (end: RawAnswer['end']) => {
      clearTimeout(timer)
      socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('error')
      socket.on('error', () => {})
      const whole = Buffer.concat(parts)
      const at = whole.indexOf('\r\n\r\n')
      const head = whole.toString('latin1', 0, at < 0 ? whole.length : at)
      resolve({ bytes: whole, head, body: unframe(whole)?.body ?? Buffer.alloc(0), reads, sentNs, end })
    }
    const timer = setTimeout(() => finish('waited'), options.ms ?? 20_000)
    socket.on('data', (data: Buffer) => {
      parts.push(data)
      bytes += data.length
      reads.push({ atNs: process.hrtime.bigint(), bytes })
      if (unframe(Buffer.concat(parts))?.complete) finish('complete')
    })
    socket.on('end', () => finish('closed'))
    socket.on('error', () => finish('reset'))
    sentNs = process.hrtime.bigint()
    socket.write(request)
  })
}

/** The body within an answer so far; null before its head is complete. */
function unframe(bytes: Buffer): { body: Buffer; complete: boolean } | null {
  const at = bytes.indexOf('\r\n\r\n')
  if (at < 0) return null
  const head = bytes.toString('latin1', 0, at).toLowerCase()
  const rest = bytes.subarray(at + 4)
  if (/^http\/1.1 1\d\d/.test(head)) return unframe(rest)
  const length = /content-length: (\d+)/.exec(head)
  if (length !== null) return { body: rest, complete: rest.length >= Number(length[1]) }
  if (!head.includes('transfer-encoding: chunked')) return { body: rest, complete: false }
  const parts: Buffer[] = []
  for (let from = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', from)
    const size = Number.parseInt(rest.toString('latin1', from, lineEnd), 16)
    if (lineEnd < 0 || Number.isNaN(size)) return { body: Buffer.concat(parts), complete: false }
    if (size === 0) return { body: Buffer.concat(parts), complete: rest.indexOf('\r\n\r\n', from) >= 0 }
    parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size))
    from = lineEnd + 2 + size + 2
  }
}

/** The payloads of the body's events, `\n` line ends only. */
export function payloads(body: Buffer): string[] {
  return body
    .toString('utf8')
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice('data: '.length))
}

/** What a streamed completion says, put together. */
export function saidText(body: Buffer): string {
  return payloads(body)
    .filter((payload) => payload !== '[DONE]')
    .map((payload) => (JSON.parse(payload) as { choices: { text?: string }[] }).choices[0]?.text ?? '')
    .join('')
}
