import { afterEach, expect, test, vi } from 'vitest'
import type { Draft, User } from '../offer.ts'
import { StopSignal } from '../stop-signal.ts'
import { usersWithIdle } from './idle-around.ts'

afterEach(() => vi.useRealTimers())

const DRAFTS = [0, 1, 2].map((requestId) => ({ requestId }) as Draft)

/** What happens when, ms: each request takes 1 ms. */
async function timeline(count: number, idle = { beforeMs: 20, afterMs: 50 }, stopAtMs?: number): Promise<string[]> {
  vi.useFakeTimers()
  const stop = new StopSignal()
  const start = Date.now()
  const events: string[] = []
  const at = () => Date.now() - start
  const go = async (user: User) => {
    for (let next = await user.next(undefined); !next.done; next = await user.next(undefined)) {
      if (stop.stage !== 'running') break
      events.push(`${at()} sends ${next.value.requestId}`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    events.push(`${at()} ends`)
  }
  if (stopAtMs !== undefined) setTimeout(() => stop.advance(), stopAtMs)
  const all = Promise.all(usersWithIdle(DRAFTS, count, idle, stop).map(go))
  await vi.runAllTimersAsync()
  await all
  return events
}

test('one user is idle before and after each request', async () => {
  expect(await timeline(1)).toEqual(['20 sends 0', '91 sends 1', '162 sends 2', '213 ends'])
})

test('several are idle before the first and after the last', async () => {
  expect(await timeline(2)).toEqual(['20 sends 0', '20 sends 1', '21 sends 2', '71 ends', '72 ends'])
})

test('idling ends when the run is to stop', async () => {
  expect(await timeline(1, undefined, 30)).toEqual(['20 sends 0', '30 ends'])
})

test('without any time there is none', async () => {
  expect(await timeline(1, { beforeMs: 0, afterMs: 0 })).toEqual(['0 sends 0', '1 sends 1', '2 sends 2', '3 ends'])
})
