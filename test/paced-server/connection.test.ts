import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Connection } from './connection.ts'
import type { HttpRequest } from './http-request.ts'

/** A socket that keeps what is written to it. */
class KeptSocket extends Duplex {
  readonly written: Buffer[] = []
  override _read(): void {}
  override _write(data: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(data)
    done()
  }
  setNoDelay(): void {}
}

function open(serve: (request: HttpRequest, connection: Connection) => void) {
  const socket = new KeptSocket()
  const host = { now: () => 1, serve, readPauseMs: () => 0 }
  return { socket, connection: new Connection(socket as unknown as Socket, 0, host) }
}

test('split writes have the size asked for, and keep their order with what follows', async () => {
  const { socket, connection } = open(() => {})
  const stamps: number[] = []
  connection.splitInto(3)
  connection.send('héllo wörld', () => stamps.push(socket.written.length))
  connection.splitInto(0)
  connection.send('!')
  await new Promise<void>((resolve) => connection.whenSent(resolve))
  const sizes = socket.written.map((data) => data.length)
  expect(sizes).toEqual([3, 3, 3, 3, 1, 1])
  expect(Buffer.concat(socket.written).toString()).toBe('héllo wörld!')
  expect(stamps).toEqual([4])
})

test('requests cut anywhere, of known and of chunked length, come out whole and in order', () => {
  const request = fc.record({ body: fc.string(), chunked: fc.boolean() })
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(40)), (requests, cuts) => {
      const seen: string[] = []
      const { socket } = open((got, connection) => {
        seen.push(got.body.toString())
        connection.next()
      })
      const bytes = Buffer.concat(requests.map(({ body, chunked }) => wire(body, chunked)))
      let at = 0
      for (const cut of cuts) {
        if (cut === 0 || at >= bytes.length) continue
        socket.emit('data', bytes.subarray(at, at + cut))
        at += cut
      }
      if (at < bytes.length) socket.emit('data', bytes.subarray(at))
      expect(seen).toEqual(requests.map(({ body }) => Buffer.from(body).toString()))
    }),
  )
})

function wire(body: string, chunked: boolean): Buffer {
  const bytes = Buffer.from(body)
  if (!chunked) return Buffer.from(`POST / HTTP/1.1\r\ncontent-length: ${bytes.length}\r\n\r\n${body}`)
  const chunk = bytes.length === 0 ? '' : `${bytes.length.toString(16)}\r\n${body}\r\n`
  return Buffer.from(`POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`)
}
