import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { needs } from '../../../test/support/needs.ts'
import { hostProvenance } from './provenance.ts'
import { findListener } from './same-host.ts'

describe('the listener of a port', () => {
  needs(existsSync('/proc/net/tcp') ? null : 'there is no /proc/net/tcp: run it on Linux')

  let server: Server
  afterEach(() => server.close())
  const listen = async (address: string): Promise<number> => {
    server = createServer().listen(0, address)
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  }

  it('on the loopback is found, with its process', async () => {
    const port = await listen('127.0.0.1')
    const expected = { sameHost: true, pid: process.pid, command: expect.stringMatching(/./) }
    expect(await findListener('127.0.0.1', port)).toEqual(expected)
    expect(await findListener('localhost', port)).toEqual(expected)
  })

  it('on any address is found by each of them', async () => {
    const port = await listen('0.0.0.0')
    const own = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4')
    expect(await findListener(own?.address ?? '127.0.0.1', port)).toMatchObject({ sameHost: true, pid: process.pid })
  })

  it('on IPv6 is found, in brackets too', async () => {
    const port = await listen('::1').catch(() => null)
    if (port === null) return
    expect(await findListener('[::1]', port)).toMatchObject({ sameHost: true, pid: process.pid })
  })

  it('is not known where none is to be seen, and elsewhere it is elsewhere', async () => {
    const port = await listen('127.0.0.1')
    server.close()
    await once(server, 'close')
    expect(await findListener('127.0.0.1', port)).toEqual({ sameHost: null, pid: null, command: null })
    // An address that is reserved for documentation belongs to no host.
    expect(await findListener('192.0.2.1', 80)).toEqual({ sameHost: false, pid: null, command: null })
    expect(await findListener('no-such-host.invalid', 80)).toMatchObject({ sameHost: null })
  })
})

it('says what machine this is', () => {
  const host = hostProvenance()
  expect(host.name).toBe(hostname())
  expect(host.cores).toBeGreaterThan(0)
  expect(host.memory_bytes).toBeGreaterThan(2 ** 27)
  for (const limit of [host.cgroup.cpu_cores, host.cgroup.memory_bytes])
    if (limit !== null) expect(limit).toBeGreaterThan(0)
})
