import { once } from 'node:events'
import { connect } from 'node:net'
import type { Reader } from './job.ts'

/**
 * The floor: a socket a request, one buffer for all, bytes counted and dropped, nothing parsed and nothing recorded. What is above it is
 * what a client costs.
 */
export function socketReader(url: string): Reader {
  const { hostname, port } = new URL(url)
  const buffer = Buffer.alloc(64 * 1024)
  return {
    async send(_index, body) {
      const payload = JSON.stringify(body)
      let bytes = 0
      const callback = (count: number) => {
        bytes += count
        return true
      }
      const socket = connect({ host: hostname, port: Number(port), onread: { buffer, callback } })
      const head = `POST /v1/completions HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n`
      socket.write(`${head}content-length: ${Buffer.byteLength(payload)}\r\n\r\n${payload}`)
      await once(socket, 'close')
      return bytes > 0 ? body.max_tokens : null
    },
    settle: async () => {},
    seen: async () => [],
    close: async () => {},
  }
}
