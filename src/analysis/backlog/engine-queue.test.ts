import { expect, test } from 'vitest'
import type { Flow } from './flow.ts'
import { judgeBacklog } from './judge-backlog.ts'

const BINS = 1000
const OFFERED = 800

/** Ten requests a stretch of which `served` leave; what an answer takes is a stretch. */
function flow(served: number): Flow {
  const ready = Array.from({ length: BINS }, (_, i) => (i < OFFERED ? 10 : 0))
  const left: number[] = []
  for (let i = 0, [due, gone] = [0, 0]; i < BINS; i++) {
    due += ready[i - 1] ?? 0
    const now = Math.min(served, due - gone)
    gone += now
    left.push(now)
  }
  const counts = { ready, left, ok: left }
  const ttft_ms = { first: 100, last: 100 }
  return { requests: 10 * OFFERED, offering_s: OFFERED, bin_s: 1, ...counts, unqueued_s: 1, ttft_ms, first_ns: 0 }
}

test("a backlog that leaves it open is decided by a queue of the engine's own that grew", () => {
  // 7 % are left undone: more than a server that kept up, less than bursts cannot explain.
  const open = flow(9.3)
  expect(judgeBacklog(open)?.state).toBe('undecided')
  const grew = judgeBacklog(open, { waiting_first: 50, waiting_last: 500 })
  expect(grew?.state).toBe('overloaded')
  expect(grew?.sustained_per_s?.value).toBeCloseTo(9.3, 1)
  // A queue that did not grow, that is short, or whose beginning was not seen decides nothing.
  for (const queue of [
    { waiting_first: 480, waiting_last: 500 },
    { waiting_first: 0, waiting_last: 5 },
    { waiting_first: null, waiting_last: 500 },
  ])
    expect(judgeBacklog(open, queue)?.state).toBe('undecided')
})

test('where the backlog decides, the queue takes nothing back', () => {
  const none = { waiting_first: 0, waiting_last: 0 }
  expect(judgeBacklog(flow(5), none)?.state).toBe('overloaded')
  expect(judgeBacklog(flow(10), none)?.state).toBe('kept_up')
})
