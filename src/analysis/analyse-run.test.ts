import { beforeAll, describe, expect, it } from 'vitest'
import { memoryRun } from '../../test/support/memory-run.ts'
import { randomRun } from '../../test/support/random-run.ts'
import type { SqlValue } from '../store/read/run-reader.ts'
import { analyseRun } from './analyse-run.ts'
import type { Distribution } from './intervals/distribution.ts'
import type { Report } from './report.ts'

type Row = Record<string, SqlValue>
const n = (row: Row, column: string) => Number(row[column])

function expectDistribution(found: Distribution, valuesNs: number[], requests = valuesNs.length) {
  const sorted = valuesNs.map((ns) => ns / 1e6).sort((a, b) => a - b)
  expect(found).not.toBeNull()
  if (found === null) return
  expect(found.n).toBe(sorted.length)
  expect(found.requests).toBe(requests)
  expect(found.min).toBeCloseTo(sorted[0] as number, 6)
  expect(found.max).toBeCloseTo(sorted.at(-1) as number, 6)
  expect(found.mean).toBeCloseTo(sorted.reduce((a, b) => a + b, 0) / sorted.length, 6)
  for (const [name, p] of [
    ['p50', 50],
    ['p90', 90],
    ['p99', 99],
  ] as const) {
    const percentile = found[name]
    if ('too_few' in percentile) {
      expect(percentile.too_few).toBeGreaterThan(requests)
      continue
    }
    expect(percentile.value).toBeCloseTo(sorted[Math.ceil((sorted.length * p) / 100) - 1] as number, 6)
    expect(percentile.low).toBeLessThanOrEqual(percentile.value)
    expect(percentile.high).toBeGreaterThanOrEqual(percentile.value)
    expect(sorted.some((ms) => Math.abs(ms - percentile.low) < 1e-6)).toBe(true)
    expect(sorted.some((ms) => Math.abs(ms - percentile.high) < 1e-6)).toBe(true)
  }
}

describe.each([
  [1, 40],
  [2, 120],
  [3, 420],
])('analyseRun against figures worked out row by row (seed %i, %i requests)', (seed, count) => {
  const tables = randomRun(seed, count)
  let report: Report
  beforeAll(async () => {
    const reader = await memoryRun(tables)
    report = await analyseRun(reader, { requestLines: 5, gapBins: 8 })
    await reader.close()
  })
  const measured = tables.requests.filter((row) => row.phase === 'measured')
  const ok = measured.filter((row) => row.status === 'ok')
  const eventsOf = (row: Row) =>
    tables.chunks
      .filter((c) => c.request_id === row.request_id && (c.kind === 'content' || c.kind === 'reasoning'))
      .sort((a, b) => n(a, 'index') - n(b, 'index'))
  const begin = (row: Row) => (row.connect_start_ns === null ? n(row, 'sent_ns') : n(row, 'connect_start_ns'))
  const start = Math.min(...measured.map((row) => Math.min(n(row, 'scheduled_ns'), begin(row))))
  const end = Math.max(...measured.map((row) => n(row, 'end_ns')))
  const gapsOf = (row: Row) =>
    eventsOf(row).flatMap((e, i, all) => (i === 0 ? [] : [n(e, 't_ns') - n(all[i - 1] as Row, 't_ns')]))

  it('latencies', () => {
    const { latency } = report
    expectDistribution(
      latency.ttft_ms,
      ok.map((r) => n(r, 'first_token_ns') - n(r, 'sent_ns')),
    )
    expectDistribution(
      latency.e2e_ms,
      ok.map((r) => n(r, 'end_ns') - n(r, 'sent_ns')),
    )
    expectDistribution(
      latency.headers_ms,
      ok.map(() => 1e6),
    )
    const several = ok.filter((r) => n(r, 'output_tokens') >= 2)
    expectDistribution(
      latency.tpot_ms,
      several.map((r) => (n(r, 'last_token_ns') - n(r, 'first_token_ns')) / (n(r, 'output_tokens') - 1)),
    )
    const fresh = ok.filter((r) => r.connect_start_ns !== null)
    expectDistribution(
      latency.connect_ms,
      fresh.map((r) => n(r, 'connected_ns') - n(r, 'connect_start_ns')),
    )
    expectDistribution(
      latency.lag_ms,
      measured.map((r) => n(r, 'sent_ns') - n(r, 'scheduled_ns')),
    )
    expectDistribution(
      latency.start_lag_ms,
      measured.map((r) => begin(r) - n(r, 'scheduled_ns')),
    )
  })

  it('gaps, raw and amortised', () => {
    const { latency } = report
    expectDistribution(latency.itl_ms, ok.flatMap(gapsOf), ok.length)
    const known = ok.filter((r) => {
      const events = eventsOf(r)
      return events.every((e) => e.tokens !== null) || events.length === r.output_tokens
    })
    const amortized = known.map((r) => {
      const counted = eventsOf(r).every((e) => e.tokens !== null)
      const events = eventsOf(r).filter((e) => !counted || n(e, 'tokens') > 0)
      return events.flatMap((e, i) => {
        if (i === 0) return []
        const k = counted ? n(e, 'tokens') : 1
        return Array.from({ length: k }, () => (n(e, 't_ns') - n(events[i - 1] as Row, 't_ns')) / k)
      })
    })
    expectDistribution(latency.itl_amortized_ms, amortized.flat(), amortized.filter((gaps) => gaps.length > 0).length)
    expect(latency.itl_amortized_left_out).toBe(ok.length - known.length)
  })

  it('what was offered, and how many were in flight', () => {
    const { offered } = report
    expect(offered).toMatchObject({ requests: measured.length, ok: ok.length, warmup: 3 })
    expect(offered.span_s).toBeCloseTo((end - start) / 1e9, 9)
    expect(offered.achieved_per_s).toBeCloseTo(ok.length / ((end - start) / 1e9), 9)
    const due = measured.map((r) => n(r, 'scheduled_ns'))
    expect(offered.offered_per_s).toBeCloseTo((due.length - 1) / ((Math.max(...due) - Math.min(...due)) / 1e9), 9)
    expect(offered.by_status.reduce((sum, row) => sum + row.requests, 0)).toBe(count)
    const busy = tables.requests.reduce(
      (sum, r) => sum + Math.max(0, Math.min(end, n(r, 'end_ns')) - Math.max(start, begin(r))),
      0,
    )
    expect(offered.concurrency?.mean).toBeCloseTo(busy / (end - start), 6)
    const edges = [start, end, ...tables.requests.flatMap((r) => [begin(r), n(r, 'end_ns')])]
      .filter((t) => t >= start && t <= end)
      .sort((a, b) => a - b)
    let most = 0
    let idle = 0
    edges.slice(1).forEach((to, i) => {
      const middle = (to + (edges[i] as number)) / 2
      const inFlight = tables.requests.filter((r) => begin(r) < middle && middle < n(r, 'end_ns')).length
      most = Math.max(most, inFlight)
      if (inFlight === 0) idle += to - (edges[i] as number)
    })
    expect(offered.concurrency?.max).toBe(most)
    expect(offered.concurrency?.share_idle).toBeCloseTo(idle / (end - start), 9)
  })

  it('tokens, throughput, failures and stream', () => {
    const { tokens, throughput, failures, stream } = report
    const sum = (column: string, rows = ok) =>
      rows.reduce((total, r) => total + (r[column] == null ? 0 : n(r, column)), 0)
    const knows = ok.filter((r) => r.cached_tokens !== null)
    expect(tokens).toMatchObject({
      input_tokens: sum('input_tokens'),
      output_tokens: sum('output_tokens'),
      cached_tokens: sum('cached_tokens'),
      cached_known: knows.length,
    })
    expect(tokens.cached_share).toBeCloseTo(sum('cached_tokens', knows) / sum('input_tokens', knows), 9)
    expect(tokens.output_per_s?.value).toBeCloseTo(sum('output_tokens') / ((end - start) / 1e9), 6)
    expect(throughput.map((row) => row.size)).toEqual([64, 128, 256])
    for (const row of throughput) {
      const speeds = ok
        .filter((r) => r.size === row.size)
        .map(
          (r) =>
            (n(r, 'input_tokens') - (r.cached_tokens === null ? 0 : n(r, 'cached_tokens'))) /
            ((n(r, 'first_token_ns') - n(r, 'sent_ns')) / 1e9),
        )
        .sort((a, b) => a - b)
      expect(row.prefill_n).toBe(speeds.length)
      expect(row.prefill_median_tokens_per_s).toBeCloseTo(speeds[Math.ceil(speeds.length / 2) - 1] as number, 6)
    }
    const failed = tables.requests.filter((r) => r.status === 'http_error')
    expect(failures.requests).toBe(failed.length)
    if (failed.length > 0) {
      expect(failures.kinds).toEqual([
        {
          status: 'http_error',
          http_status: 503,
          error: 'busy: slot N of N',
          example: failed[0]?.error,
          requests: failed.length,
          first_at_s: expect.closeTo(n(failed[0] as Row, 'sent_ns') / 1e9, 9),
          request_id: failed[0]?.request_id,
        },
      ])
    }
    const events = ok.flatMap(eventsOf)
    expect(stream.events).toBe(events.length)
    expect(stream.coalesced_share).toBeCloseTo(events.filter((e) => e.coalesced === true).length / events.length, 9)
    expect(stream.late_max_ms).toBeCloseTo(Math.max(...events.map((e) => n(e, 'late_ns'))) / 1e6, 9)
    expect(stream.counts_differ).toBe(0)
  })

  it('time, whose shares sum to the whole', () => {
    const { time } = report
    if (time === null) throw new Error('no time')
    const { total_s, stall_ms, ...shares } = time
    expect(Object.values(shares).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12)
    const gaps = ok.flatMap(gapsOf)
    const median = gaps.toSorted((a, b) => a - b)[Math.ceil(gaps.length / 2) - 1] as number
    expect(stall_ms).toBeCloseTo((3 * median) / 1e6, 9)
    const stalled = gaps.filter((gap) => gap > 3 * median).reduce((a, b) => a + b, 0)
    expect(shares.stalls * total_s).toBeCloseTo(stalled / 1e9, 6)
    const failed = measured.filter((r) => r.status !== 'ok').reduce((sum, r) => sum + n(r, 'end_ns') - begin(r), 0)
    expect(shares.failed * total_s).toBeCloseTo(failed / 1e9, 6)
  })

  it('one line a request, with its gaps', () => {
    const { requests } = report
    const first = measured.toSorted((a, b) => n(a, 'sent_ns') - n(b, 'sent_ns')).slice(0, 5)
    expect(requests.map((line) => line.request_id)).toEqual(first.map((r) => r.request_id))
    for (const [i, line] of requests.entries()) {
      const gaps = first[i]?.status === 'ok' ? gapsOf(first[i] as Row) : []
      expect(line.gaps_ms).toHaveLength(Math.min(8, gaps.length))
      if (gaps.length > 0) expect(Math.max(...line.gaps_ms)).toBeCloseTo(Math.max(...gaps) / 1e6, 6)
    }
  })
})

it('leaves what a profiler slowed out of every latency, and in what was done', async () => {
  const tables = randomRun(4, 200)
  const slowed = (row: Row) => n(row, 'request_id') % 3 === 0
  const marked = await memoryRun({
    ...tables,
    requests: tables.requests.map((row) => ({ ...row, profiled: slowed(row) })),
  })
  const without = await memoryRun({ ...tables, requests: tables.requests.filter((row) => !slowed(row)) })
  const [all, rest] = [await analyseRun(marked), await analyseRun(without)]
  expect(all.latency).toEqual({ ...rest.latency, lag_ms: all.latency.lag_ms, start_lag_ms: all.latency.start_lag_ms })
  expect(all.throughput).toEqual(rest.throughput)
  const measured = tables.requests.filter((row) => row.phase === 'measured')
  expect(all.offered).toMatchObject({ requests: measured.length, profiled: measured.filter(slowed).length })
  expect(all.tokens.requests).toBeGreaterThan(rest.tokens.requests)
  expect(all.verdict.find(({ what }) => what === 'profiled')?.text).toContain(`${all.offered.profiled} requests of`)
  await marked.close()
  await without.close()
})
