import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { inject } from './inject.ts'
import { longPrefill } from './injectors/other-requests.ts'

it('requests that fail are told once and end nothing', async () => {
  let asked = 0
  const server = createServer((request, response) => {
    request.resume()
    asked++
    response.writeHead(500).end('no room')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    const injector = await longPrefill.prepare({ pid: process.pid, url, model: 'm' })
    // Each request ends by itself: until some were made, however slow the machine.
    const soon = { leastMs: 0, pauseMs: 1, tailMs: 0 }
    const all = { done: 0, failures: new Set<string>() }
    while (asked < 3) {
      const { done, failures } = await inject(soon, injector, performance.now() + 50, () => 0)
      all.done += done.length
      for (const failure of failures) all.failures.add(failure)
    }
    await injector.close()
    expect(all.done).toBe(asked)
    expect([...all.failures]).toEqual(['the engine answered 500: no room'])
  } finally {
    server.close()
  }
})
