import { afterEach, describe, expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../test/support/memory-run.ts'
import type { RunReader } from '../store/read/run-reader.ts'
import { analyseRun } from './analyse-run.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

async function analysed(tables: Tables, run: Parameters<typeof memoryRun>[1] = {}) {
  const reader = await memoryRun(tables, run)
  open.push(reader)
  const report = await analyseRun(reader)
  expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  return report
}

const OK = {
  status: 'ok',
  scheduled_ns: 0,
  sent_ns: 1e6,
  first_token_ns: 51e6,
  last_token_ns: 150e6,
  end_ns: 151e6,
  input_tokens: 100,
  output_tokens: 100,
  token_source: 'usage',
}

describe('analyseRun on runs that lack something', () => {
  it('an empty run has no figures and says so first', async () => {
    const report = await analysed({})
    expect(report.verdict[0]).toMatchObject({ level: 'bad', what: 'requests' })
    expect(Object.values(report.latency).filter((d) => d !== null && d !== 0)).toEqual([])
    expect(report.offered).toMatchObject({ requests: 0, span_s: null, achieved_per_s: null, concurrency: null })
    expect(report.time).toBeNull()
    expect(report.tokens).toMatchObject({ output_tokens: null, output_per_s: null, cached_share: null })
  })

  it('a run of warm-up only is as empty, and says why', async () => {
    const report = await analysed({ requests: [{ ...OK, phase: 'warmup' }] })
    expect(report.verdict[0]?.text).toContain('warm-up')
    expect(report.latency.ttft_ms).toBeNull()
  })

  it('a run of failures has failures, time and no latency', async () => {
    const report = await analysed({
      requests: [0, 1, 2].map((id) => ({
        request_id: id,
        status: 'connect_error',
        error: `connect ECONNREFUSED 127.0.0.1:${8000 + id}`,
        scheduled_ns: id * 1e9,
        sent_ns: null,
        end_ns: id * 1e9 + 1e6,
      })),
    })
    expect(report.verdict[0]).toMatchObject({ level: 'bad', what: 'failures' })
    expect(report.failures.kinds).toEqual([
      expect.objectContaining({ error: 'connect ECONNREFUSED N.N:N', requests: 3, first_at_s: 0, request_id: 0 }),
    ])
    expect(report.latency.ttft_ms).toBeNull()
    expect(report.verdict.some((line) => line.what === 'network' && line.level === 'bad')).toBe(true)
  })

  it('one request has values and no percentiles', async () => {
    const chunks = Array.from({ length: 100 }, (_, i) => ({
      request_id: 0,
      index: i,
      t_ns: 51e6 + i * 1e6,
      tokens: 1,
      kind: 'content',
    }))
    const report = await analysed({ requests: [{ ...OK, request_id: 0 }], chunks })
    expect(report.latency.ttft_ms).toMatchObject({
      n: 1,
      min: 50,
      max: 50,
      mean: 50,
      p50: { too_few: 6 },
      p99: { too_few: 299 },
    })
    expect(report.latency.itl_ms).toMatchObject({ n: 99, requests: 1, p50: { too_few: 2 } })
    expect(report.tokens.output_per_s).toMatchObject({ low: null, high: null })
    expect(report.offered.offered_per_s).toBeNull()
    expect(report.time).toMatchObject({ stalls: 0, stall_ms: 3 })
  })

  it('answers that did not stream are all waiting, with no gaps', async () => {
    const report = await analysed({
      requests: [0, 1].map((id) => ({
        ...OK,
        request_id: id,
        scheduled_ns: 2e8 * id,
        sent_ns: 2e8 * id,
        first_token_ns: null,
        last_token_ns: null,
        end_ns: 2e8 * id + 1e8,
      })),
    })
    expect(report.latency.itl_ms).toBeNull()
    expect(report.latency.ttft_ms).toBeNull()
    expect(report.latency.e2e_ms).toMatchObject({ n: 2, mean: 100 })
    expect(report.time?.first_token).toBeCloseTo(2 / 3, 9)
    expect(report.time?.idle).toBeCloseTo(1 / 3, 9)
    expect(report.throughput[0]).toMatchObject({ size: null, prefill_n: 0, decode_median_tokens_per_s: null })
  })

  it('rows that say nothing but their status are counted, not guessed at', async () => {
    const nothing = [0, 1, 2].map((id) => ({ request_id: id, status: ['ok', 'interrupted', 'not_sent'][id] as string }))
    const report = await analysed({ requests: nothing, chunks: [{ request_id: 0, kind: 'content' }] })
    expect(report.offered).toMatchObject({ requests: 3, ok: 1, span_s: null })
    expect(report.latency).toMatchObject({ ttft_ms: null, e2e_ms: null, lag_ms: null, itl_ms: null })
    expect(report.requests).toHaveLength(3)
  })

  it('an interrupted request was in flight to the end', async () => {
    const report = await analysed({
      requests: [
        { ...OK, request_id: 0, sent_ns: 0, end_ns: 100e6, last_token_ns: 90e6 },
        { request_id: 1, status: 'interrupted', scheduled_ns: 50e6, sent_ns: 50e6, last_token_ns: 200e6 },
      ],
    })
    expect(report.offered.concurrency).toMatchObject({ mean: 1.25, max: 2, share_at_max: 0.25, share_idle: 0 })
  })

  it('many sizes are put together by powers of two, in order', async () => {
    const requests = Array.from({ length: 100 }, (_, id) => ({ ...OK, request_id: id, size: id + 1 }))
    const { throughput } = await analysed({ requests })
    expect(throughput.map(({ size, size_to, requests: n }) => [size, size_to, n])).toEqual([
      [1, 2, 1],
      [2, 4, 2],
      [4, 8, 4],
      [8, 16, 8],
      [16, 32, 16],
      [32, 64, 32],
      [64, 128, 37],
    ])
  })

  it('tells counts of the stream that differ from the usage', async () => {
    const requests = [0, 1].map((id) => ({ ...OK, request_id: id, output_tokens: 10 }))
    const chunks = [0, 1].flatMap((id) =>
      Array.from({ length: 10 - id }, (_, i) => ({
        request_id: id,
        index: i,
        t_ns: i * 1e6,
        tokens: 1,
        kind: 'content',
      })),
    )
    const report = await analysed({ requests, chunks })
    expect(report.stream).toMatchObject({ counted_twice: 2, counts_differ: 1 })
    expect(report.stream.drift_ratio).toBeCloseTo(-0.05, 9)
    expect(report.verdict.find((line) => line.what === 'tokens')).toMatchObject({ level: 'warn' })
  })

  it('takes gaps in the order of the events, not of their times', async () => {
    const times = [10e6, 30e6, 20e6, 25e6]
    // As they lie in a sealed run: by time.
    const chunks = [0, 2, 3, 1].map((index) => ({ request_id: 0, index, t_ns: times[index] ?? 0, kind: 'content' }))
    const { latency, requests } = await analysed({ requests: [OK], chunks })
    expect(latency.itl_ms).toMatchObject({ n: 3, min: -10, max: 20 })
    expect(requests[0]?.gaps_ms).toEqual([20, -10, 5])
  })

  it('reads tracks within the measured span, and their roles', async () => {
    const report = await analysed({
      requests: [OK],
      tracks: [
        { track_id: 1, layer: 'host', name: 'rss_bytes', process: '12 node', attrs: '{"role":"engine"}' },
        { track_id: 2, layer: 'client', name: 'bytes_waiting', attrs: 'not json' },
        { track_id: 3, layer: 'gpu', name: 'power', attrs: null },
      ],
      counters: [
        { track_id: 1, t_ns: -5e9, value: 999 },
        { track_id: 1, t_ns: 1e6, value: 10 },
        { track_id: 1, t_ns: 2e6, value: 30 },
        { track_id: 1, t_ns: 3e6, value: null },
        { track_id: 2, t_ns: 2e6, value: 0 },
        { track_id: 3, t_ns: 2e6, value: 50 },
      ],
    })
    expect(report.machine.tracks).toEqual([
      expect.objectContaining({ layer: 'client', name: 'bytes_waiting', role: null, n: 1, max: 0 }),
      expect.objectContaining({ layer: 'host', process: '12 node', role: 'engine', n: 2, mean: 20, max: 30, sum: 40 }),
    ])
  })

  it('shows no more CPU than the machine has, whatever a sample claims', async () => {
    const host = {
      name: 'box',
      cpu: null,
      cores: 2,
      memory_bytes: 1e9,
      cgroup: { cpu_cores: null, memory_bytes: null },
    }
    const report = await analysed(
      {
        requests: [OK],
        tracks: [{ track_id: 1, layer: 'host', name: 'cpu_cores', unit: 'cores', host: 'box', process: '12 engine' }],
        counters: [4.28, 1.2, 0.4].map((value, i) => ({ track_id: 1, t_ns: (i + 1) * 1e6, value })),
      },
      { hosts: [host] as never },
    )
    expect(report.machine.tracks[0]).toMatchObject({ max: 2, p90: 2, min: 0.4, mean: expect.closeTo(1.2, 6) })
  })
})
