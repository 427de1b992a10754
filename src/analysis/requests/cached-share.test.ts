import { afterEach, describe, expect, it } from 'vitest'
import { fine } from '../../../test/support/fine-run.ts'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { judge } from '../verdict/judge.ts'
import { tokenFigures } from './tokens.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

async function tokens(tables: Tables) {
  const reader = await memoryRun(tables)
  open.push(reader)
  return tokenFigures(reader, null, null)
}

const request = (id: number, more = {}) => ({
  ...{ request_id: id, status: 'ok', input_tokens: 100, output_tokens: 3, sent_ns: id * 1e9, end_ns: id * 1e9 + 1e8 },
  ...more,
})
/** Prompt tokens that its first steps ran, in two chunks, then a token a step. */
const steps = (id: number, ran: number) =>
  [
    { tokens: ran - 20, emitted: 0 },
    { tokens: 20, emitted: 1 },
    { tokens: 1, emitted: 1 },
  ].map(({ tokens: n, emitted }, i) => ({
    ...{ slice_id: id * 10 + i, track_id: 1, t_ns: id * 1e9 + i * 1e6, dur_ns: 1e6, name_id: 0, category: 'scheduled' },
    ...{ request_id: id, step_id: id * 10 + i, tokens: n, args: JSON.stringify({ emitted }) },
  }))
const total = (
  track_id: number,
  name: string,
  from: number,
  to: number,
): Required<Pick<Tables, 'tracks' | 'counters'>> => ({
  tracks: [{ track_id, layer: 'engine', name }],
  counters: [
    { track_id, t_ns: 0, value: from },
    { track_id, t_ns: 5e9, value: to },
  ],
})

describe('the cached share of the input', () => {
  it('is what the usage says, where it does', async () => {
    expect(await tokens({ requests: [request(1, { cached_tokens: 25 })], slices: steps(1, 60) })).toMatchObject({
      cached_share: 0.25,
      cached_by: 'usage',
    })
  })

  it('is what the steps did not run, where the log of them is there', async () => {
    const found = await tokens({ requests: [request(1), request(2)], slices: [...steps(1, 100), ...steps(2, 40)] })
    expect(found).toMatchObject({ cached_share: 0.3, cached_by: 'step_log', cached_known: 0 })
    const line = judge({ ...fine, tokens: { ...fine.tokens, ...found } }).verdict.find(({ what }) => what === 'cache')
    expect(line?.level).toBe('warn')
  })

  it("is what the engine's own totals say, where nothing else does", async () => {
    const hits = total(1, 'prefix_cache_hits_total', 1000, 1040)
    const queries = total(2, 'prefix_cache_queries_total', 5000, 5200)
    const tables = {
      requests: [request(1), request(2)],
      tracks: [...hits.tracks, ...queries.tracks],
      counters: [...hits.counters, ...queries.counters],
    }
    expect(await tokens(tables)).toMatchObject({ cached_share: 0.2, cached_by: 'engine' })
    expect(await tokens({ requests: [request(1)] })).toMatchObject({ cached_share: null, cached_by: null })
  })
})
