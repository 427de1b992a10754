import { expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { sizeThroughput } from './size-throughput.ts'

/** 1,000 prompt tokens that waited for 0.9 s and were prefilled in 0.1 s. */
const REQUEST = {
  ...{ request_id: 1, status: 'ok', size: 1000, input_tokens: 1000, output_tokens: 11 },
  ...{ scheduled_ns: 0, sent_ns: 0, first_token_ns: 1e9, last_token_ns: 2e9, end_ns: 2e9 },
}

async function speeds(tables: Tables) {
  const reader = await memoryRun(tables)
  try {
    return (await sizeThroughput(reader))[0]
  } finally {
    await reader.close()
  }
}

it('has prefill speed with the wait in the queue, and without it where the steps are known', async () => {
  expect(await speeds({ requests: [REQUEST] })).toMatchObject({
    prefill_median_tokens_per_s: 1000,
    prefill_steps_n: 0,
    prefill_steps_median_tokens_per_s: null,
    decode_median_tokens_per_s: 10,
  })
  const slices = [0.9e9, 1e9].map((t_ns, i) => ({
    ...{ slice_id: i, track_id: 1, t_ns, dur_ns: 0.1e9, name_id: 0, category: 'scheduled', request_id: 1, step_id: i },
  }))
  expect(await speeds({ requests: [REQUEST], slices })).toMatchObject({
    prefill_median_tokens_per_s: 1000,
    prefill_steps_n: 1,
    prefill_steps_median_tokens_per_s: 10_000,
  })
})
