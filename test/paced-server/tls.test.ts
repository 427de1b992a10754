import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { connect } from 'node:tls'
import { afterAll, expect, test } from 'vitest'
import { needs } from '../support/needs.ts'
import { exchange, saidText } from './raw-client.ts'
import { selfSigned } from './self-signed.ts'
import { startPacedServer } from './start.ts'

const certificate = selfSigned()
afterAll(() => certificate?.remove())
needs(certificate === null ? 'openssl, which makes the certificate, is not installed: sudo scripts/setup-system' : null)

test('TLS', async () => {
  const server = await startPacedServer({ tls: certificate! })
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: readFileSync(certificate!.cert) })
  await once(socket, 'secureConnect')
  const answer = await exchange(socket, { model: 'paced', prompt: 'x', max_tokens: 2, stream: true }, {})
  expect(saidText(answer.body)).toBe(' a0 b1')
  socket.destroy()
  await server.stop()
})

test('a delayed accept holds the handshake back', async () => {
  const server = await startPacedServer({ tls: certificate!, delayAcceptMs: 150 })
  const before = performance.now()
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: readFileSync(certificate!.cert) })
  await once(socket, 'secureConnect')
  expect(performance.now() - before).toBeGreaterThan(140)
  socket.destroy()
  await server.stop()
})

test('a delayed accept leaves plain connections unread', async () => {
  const server = await startPacedServer({ delayAcceptMs: 150 })
  const before = performance.now()
  const socket = connectTcp(server.port, '127.0.0.1')
  await exchange(socket, { model: 'paced', prompt: 'x', max_tokens: 1, stream: true }, {})
  expect(performance.now() - before).toBeGreaterThan(140)
  socket.destroy()
  await server.stop()
})
