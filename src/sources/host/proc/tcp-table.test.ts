import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { needs } from '../../../../test/support/needs.ts'
import { WaitingBytes } from '../samples/client-samples.ts'
import { canonicalAddress, parseTcpTable } from './tcp-table.ts'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'

it('reads addresses, ports, queues and inodes', () => {
  const text = `${HEAD}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000  1000        0 1214 1 0 100 0 0 10 0
   1: 0A00A8C0:C350 2200A8C0:1F90 01 00000001:0000FF00 01:00000014 00000000     0        0 77 2 0 20 4 30 10 -1
`
  expect(parseTcpTable(text)).toEqual([
    { localAddress: '127.0.0.1', localPort: 8080, remotePort: 0, listening: true, rxQueue: 3, inode: '1214' },
    { localAddress: '192.168.0.10', localPort: 50000, remotePort: 8080, listening: false, rxQueue: 65280, inode: '77' },
  ])
  expect(parseTcpTable('')).toEqual([])
})

it('reads the addresses of tcp6', () => {
  const line = (address: string): string => `${HEAD} 0: ${address}:0050 ${'0'.repeat(32)}:0000 0A 0:0 00:0 0 0 0 9 1\n`
  const addressOf = (hex: string): string | undefined => parseTcpTable(line(hex))[0]?.localAddress
  expect(addressOf('00000000000000000000000001000000')).toBe(canonicalAddress('::1'))
  expect(addressOf('00000000000000000000000000000000')).toBe(canonicalAddress('::'))
  expect(addressOf('0000000000000000FFFF00000100007F')).toBe('127.0.0.1')
  expect(addressOf('B80D0120000000000000000001000000')).toBe(canonicalAddress('2001:db8::1'))
})

it('writes each address one way', () => {
  expect(canonicalAddress('2001:DB8::1')).toBe('2001:0db8:0000:0000:0000:0000:0000:0001')
  expect(canonicalAddress('fe80::1%eth0')).toBe('fe80:0000:0000:0000:0000:0000:0000:0001')
  expect(canonicalAddress('::ffff:10.0.0.1')).toBe('10.0.0.1')
  expect(canonicalAddress('10.0.0.1')).toBe('10.0.0.1')
})

describe('bytes waiting', () => {
  needs(existsSync('/proc/net/tcp') ? null : 'there is no /proc/net/tcp: run it on Linux')

  it('are those that a paused client has not read', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const client: Socket = connect({ port, host: '127.0.0.1' })
    try {
      const [peer] = (await once(server, 'connection')) as [Socket]
      for (const end of [client, peer]) end.on('error', () => undefined)
      client.pause()
      await once(client, 'connect').catch(() => undefined)
      const values: (number | null)[] = []
      const sink = { track: () => 0, add: (_: number, __: number, value: number | null) => values.push(value) }
      const waiting = new WaitingBytes('/proc', { pid: process.pid, name: 'node' }, port, sink)
      waiting.sample(0)
      peer.write(Buffer.alloc(5000))
      for (let i = 0; i < 100 && values.at(-1) !== 5000; i++) {
        await sleep(20)
        waiting.sample((i + 1) * 100e9)
      }
      expect(values[0]).toBe(0)
      expect(values.at(-1)).toBe(5000)
      // The listening socket and the server's end are not the client's.
      expect(parseTcpTable(readFileSync('/proc/self/net/tcp', 'utf8')).some((each) => each.localPort === port)).toBe(
        true,
      )
      const count = values.length
      waiting.sample(1e15)
      waiting.sample(1e15 + 100e6)
      expect(values.length).toBe(count + 1)
    } finally {
      client.destroy()
      server.close()
    }
  })
})
