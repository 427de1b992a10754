import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createRunClock } from '../../../base/time.ts'
import { ReadStamps } from './read-stamps.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Two ends of a connection within this thread. */
async function pair(): Promise<{ near: Socket; far: Socket; close(): void }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  return {
    near,
    far,
    close: () => {
      near.destroy()
      far.destroy()
      server.close()
    },
  }
}

test('a stamp is late by at most late_ns, however busy the thread was; waiting is not lateness', async () => {
  const clock = createRunClock()
  const stamps = new ReadStamps(clock)
  const { near, far, close } = await pair()
  const seen: { tNs: number; lateNs: number }[] = []
  near.on('data', () => {
    stamps.take()
    seen.push({ tNs: stamps.tNs, lateNs: stamps.lateNs })
  })
  const written: number[] = []
  for (const busyMs of [0, 40, 0, 15, 0, 80, 0]) {
    // A wait far longer than the work, so that counting it would show.
    await pause(400)
    written.push(clock.now())
    far.write('x')
    const until = performance.now() + busyMs
    while (performance.now() < until);
    await once(near, 'data')
  }
  close()
  seen.forEach(({ tNs, lateNs }, i) => {
    expect(tNs - written[i]!).toBeLessThanOrEqual(lateNs)
    expect(lateNs).toBeLessThan(350e6)
  })
})

test('reads of one iteration have one base and serials of their own', () => {
  const stamps = new ReadStamps(createRunClock())
  stamps.take()
  const first = { ...stamps }
  stamps.take()
  expect(stamps.serial).toBe(first.serial + 1)
  expect(stamps.lateNs - first.lateNs).toBeCloseTo(stamps.tNs - first.tNs, -2)
})
