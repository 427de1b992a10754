import { expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { slowestRequests } from './slowest-requests.ts'

const ms = 1e6
/** 100 prompt tokens, 0.1 s to the first token, ten tokens 10 ms apart. */
const usual = (id: number, more: Record<string, number> = {}) => {
  const due = id * 1000 * ms
  const { sent = 0, queued = 0, prefill = 100, decode = 90, ...rest } = more
  const first = due + (sent + queued + prefill) * ms
  return {
    ...{ request_id: id, status: 'ok', scheduled_ns: due, sent_ns: due + sent * ms, first_token_ns: first },
    ...{ last_token_ns: first + decode * ms, end_ns: first + decode * ms, max_gap_ns: 10 * ms },
    ...{ input_tokens: 100, output_tokens: 10 },
    ...rest,
  }
}

async function reasons(requests: NonNullable<Tables['requests']>, more: Tables = {}) {
  const reader = await memoryRun({ requests, ...more }, { loop: 'open' })
  try {
    const late = [{ request_id: 26, index: 4, at_s: 1, gap_ms: 500, cause: 'client_gc' as never, explained_ms: 400 }]
    const found = await slowestRequests(reader, late as never)
    return new Map(found.map((each) => [each.request_id, each]))
  } finally {
    await reader.close()
  }
}

it('says of each of the slowest what it spent its time on beyond the others', async () => {
  const found = await reasons([
    ...Array.from({ length: 20 }, (_, id) => usual(id)),
    usual(20, { sent: 400 }),
    usual(21, { sent: 500, held_ns: 500 * ms }),
    usual(22, { queued: 600 }),
    usual(23, { prefill: 700, input_tokens: 1000 }),
    usual(24, { decode: 890, output_tokens: 90 }),
    usual(25, { decode: 450 }),
    usual(26, { decode: 590, max_gap_ns: 510 * ms }),
  ])
  const first = (id: number) => found.get(id)?.reasons.map(({ reason, ms: time }) => `${reason} ${Math.round(time)}`)
  expect(first(20)).toEqual(['sent_late 400'])
  expect(first(21)).toEqual(['held 500'])
  expect(found.get(22)?.reasons).toMatchObject([{ reason: 'queued', ms: 600, how: 'at_least' }])
  expect(first(23)?.[0]).toBe('long_prompt 700')
  expect(first(24)).toEqual(['long_answer 890'])
  expect(first(25)).toEqual(['slow_decode 360'])
  expect(found.get(26)?.reasons).toMatchObject([{ reason: 'stall', ms: 500, cause: 'client_gc' }])
})

it("has the queue from the engine's steps where they are known", async () => {
  const slices = [{ slice_id: 1, track_id: 1, t_ns: 22_550 * ms, dur_ns: ms, category: 'scheduled', request_id: 22 }]
  const found = await reasons([usual(0), usual(1), usual(22, { queued: 600 })], { slices })
  expect(found.get(22)?.reasons[0]).toMatchObject({ reason: 'queued', ms: 550, how: 'measured' })
})
