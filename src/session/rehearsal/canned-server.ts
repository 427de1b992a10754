import { type AddressInfo, createServer, type Socket } from 'node:net'
import { listening } from '../../base/bounded-wait.ts'

/** Events of an answer that carry a token. */
export const CANNED_TOKENS = 8

const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\nserver: canned\r\n\r\n'
const EVENTS = [
  ...Array.from({ length: CANNED_TOKENS }, (_, i) =>
    event({ choices: [{ index: 0, text: ` a${i}`, logprobs: null, finish_reason: null }] }),
  ),
  event({
    choices: [],
    usage: { prompt_tokens: 4, total_tokens: 4 + CANNED_TOKENS, completion_tokens: CANNED_TOKENS },
  }),
  `${chunk('data: [DONE]\n\n')}0\r\n\r\n`,
]

function event(more: Record<string, unknown>): string {
  return chunk(
    `data: ${JSON.stringify({ id: 'cmpl-0', object: 'text_completion', created: 0, model: 'm', ...more })}\n\n`,
  )
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}

/** On loopback, in this process: answers every request with the same few tokens, one event per write. */
export async function startCannedServer(): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    // Requests here are small: each arrives in one read.
    socket.on('data', () => answer(socket))
  })
  await listening(server, () => server.listen(0, '127.0.0.1'))
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function answer(socket: Socket): void {
  socket.write(HEAD)
  let next = 0
  const write = () => {
    if (socket.destroyed) return
    socket.write(EVENTS[next++] as string)
    if (next < EVENTS.length) setImmediate(write)
  }
  write()
}
