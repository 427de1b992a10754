import { afterEach, expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { kernelClock } from './kernel-clock.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

const MS = 1e6
const LATER_NS = [0.2 * MS, 0.1 * MS, 0.3 * MS]

/** Two requests at once on connections of their own, a token each 10 ms; the client sees each by `LATER_NS` after its segment. */
function run(): Tables {
  const requests = [0, 1].map((request_id) => ({
    ...{ request_id, status: 'ok', scheduled_ns: 0, sent_ns: 1 * MS, end_ns: 100 * MS, local_port: 40000 + request_id },
    first_token_ns: (10 + request_id) * MS + (LATER_NS[0] as number),
  }))
  const at = [0, 1].flatMap((id) => LATER_NS.map((later, i) => ({ id, i, tNs: (10 + 10 * i + id) * MS, later })))
  return {
    requests,
    chunks: at.map(({ id, i, tNs, later }) => ({ request_id: id, index: i, t_ns: tNs + later, kind: 'content' })),
    strings: [0, 1].map((id) => ({ id, text: `port ${40000 + id}` })),
    slices: at.map(({ id, tNs }, n) => ({
      slice_id: n + 1,
      track_id: 1,
      t_ns: tNs,
      dur_ns: 0,
      name_id: id,
      category: 'segment',
    })),
    clocks: [{ clock: 'boottime', t_ns: 0, offset_ns: 0, uncertainty_ns: 5000, method: 'known' }],
  }
}

async function clockOf(tables: Tables) {
  const reader = await memoryRun(tables)
  open.push(reader)
  return kernelClock(reader)
}

it('holds each token event against the last segment of its own connection', async () => {
  const clock = await clockOf(run())
  expect(clock).toMatchObject({ events: 6, held: 6, p99_ms: null, first: { requests: 2 }, uncertainty_ms: 0.005 })
  expect(clock?.p50_ms).toBeCloseTo(0.2)
  expect(clock?.max_ms).toBeCloseTo(0.3)
  expect(clock?.first.max_ms).toBeCloseTo(0.2)
})

it('leaves out events whose segment was not seen', async () => {
  const { slices, ...rest } = run()
  // Request 1 has none: its segments are those of a connection that is not in the run.
  const clock = await clockOf({ ...rest, slices: slices?.filter(({ name_id }) => name_id === 0) ?? [] })
  expect(clock).toMatchObject({ events: 6, held: 3, first: { requests: 1 } })
})

it('is absent where no segments were recorded', async () => {
  expect(await clockOf({ ...run(), slices: [] })).toBeNull()
})
