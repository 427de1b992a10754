import type { RequestOutcome } from '../../sources/requests/client.ts'
import type { Draft, User } from '../offer.ts'
import type { StopSignal } from '../stop-signal.ts'

export interface IdleTimes {
  beforeMs: number
  afterMs: number
}

/**
 * As `usersOf`, with idle time around: before and after each request where there is one user, before the first and after
 * the last where several overlap. Idling ends early when the run is to stop.
 */
export function usersWithIdle(drafts: readonly Draft[], count: number, idle: IdleTimes, stop: StopSignal): User[] {
  const shared = drafts[Symbol.iterator]()
  const wait = idleUntil(stop)
  const users = Math.min(count, drafts.length)
  return Array.from({ length: users }, async function* (): AsyncGenerator<Draft, void, RequestOutcome | undefined> {
    const each = users === 1
    if (!each) await wait(idle.beforeMs)
    for (let next = shared.next(); !next.done; next = shared.next()) {
      if (each) await wait(idle.beforeMs)
      yield next.value
      if (each) await wait(idle.afterMs)
    }
    if (!each) await wait(idle.afterMs)
  })
}

/** Waits that all end at once when the run is to stop. */
function idleUntil(stop: StopSignal): (ms: number) => Promise<void> {
  const waiting = new Set<() => void>()
  stop.onChange(() => {
    for (const end of waiting) end()
  })
  return (ms) =>
    new Promise((resolve) => {
      if (ms === 0 || stop.stage !== 'running') return resolve()
      const timer = setTimeout(end, ms)
      waiting.add(end)
      function end() {
        clearTimeout(timer)
        waiting.delete(end)
        resolve()
      }
    })
}
