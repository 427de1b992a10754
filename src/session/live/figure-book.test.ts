import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { parseLabels, parseMetrics } from '../../sources/prometheus/parse-metrics.ts'
import type { ClientTotals, RequestOutcome } from '../../sources/requests/client.ts'
import type { Draft } from '../offer.ts'
import type { RunProbe } from '../request-run.ts'
import { FigureBook } from './figure-book.ts'
import type { LatestCounter } from './latest-counters.ts'
import { metricsText } from './metrics-text.ts'

const DRAFT = { phase: 'measured' } as Draft
const S = 1e9
const open: FigureBook[] = []
afterEach(() => {
  for (const book of open.splice(0)) book.close()
})

const counter = (
  layer: LatestCounter['layer'],
  name: string,
  value: number | null,
  more: Partial<LatestCounter> = {},
) => ({
  ...{
    layer,
    name,
    value,
    unit: '1',
    host: 'h1',
    process: null,
    device: null,
    role: null,
    replica: null,
    tNs: 0,
    beforeNs: Number.NaN,
  },
  ...more,
})

/** A book whose run's clock and totals are set by hand; its sample interval is 5 s. */
function bookAt(counters: LatestCounter[] = []) {
  const book = new FigureBook({ sampleIntervalMs: 5000, plannedRequests: 100 })
  const at = { tNs: 0, inFlight: 0 }
  const totals: ClientTotals = {
    ...{ sent: 0, ok: 0, failed: 0, tokens: 0, rxBytes: 0, txBytes: 0, txBodyBytes: 0, rxBodyBytes: 0 },
  }
  const probe: RunProbe = {
    now: () => at.tNs,
    totals: () => ({ ...totals }),
    inFlight: () => at.inFlight,
    progress: () => null,
    counters: () => counters,
    os: null,
    gate: { paused: false, pausedNs: 0, pause() {}, resume() {} },
  }
  book.running(probe)
  open.push(book)
  return { book, at, totals }
}

function outcome(more: Partial<RequestOutcome>): RequestOutcome {
  return {
    ...{ requestId: 0, status: 'ok', httpStatus: 200, error: null, finishReason: 'stop', text: null, inputTokens: 7 },
    ...{ outputTokens: 3, cachedTokens: null, reasoningTokens: null, tokenSource: 'usage', handedNs: 0 },
    ...{ connReused: true, sentNs: 0, headersNs: 0, firstTokenNs: 0, lastTokenNs: 0, maxGapNs: 0, endNs: 0 },
    ...{ events: 3, tokenEvents: 3, txBytes: 1, rxBytes: 1 },
    ...more,
  } as RequestOutcome
}

describe('live figures', () => {
  it('give the window and the whole of what was recorded, whatever the times', () => {
    const steps = fc.array(
      fc.record({ waitS: fc.double({ min: 0, max: 9, noNaN: true }), ms: fc.integer({ min: 1, max: 10_000 }) }),
      { minLength: 1, maxLength: 40 },
    )
    fc.assert(
      fc.property(steps, (steps) => {
        const { book, at, totals } = bookAt()
        const all: { tNs: number; ms: number }[] = []
        for (const { waitS, ms } of steps) {
          at.tNs += waitS * S
          // As its timer would, which tests do not wait for.
          book.snapshot()
          totals.ok++
          book.ended(DRAFT, outcome({ endNs: ms * 1e6 }), 0)
          all.push({ tNs: at.tNs, ms })
          const figures = book.snapshot()
          const { total, recent } = figures!.latency.e2e
          expect(total.n).toBe(all.length)
          expect(total.maxNs).toBe(Math.max(...all.map((each) => each.ms)) * 1e6)
          // The window is five seconds and the part of half a second that is not over.
          const within = (s: number) => all.filter((each) => each.tNs > at.tNs - s * S).map((each) => each.ms * 1e6)
          expect(recent.n).toBeGreaterThanOrEqual(within(5).length)
          expect(recent.n).toBeLessThanOrEqual(within(5.5 + 1e-6).length)
          const ranked = all
            .slice(-recent.n)
            .map((each) => each.ms * 1e6)
            .sort((a, b) => a - b)
          expect(recent.p95Ns / (ranked[Math.ceil(0.95 * recent.n) - 1] as number)).toBeCloseTo(1, 1)
        }
        book.close()
      }),
    )
  })

  it('count by outcome, leave warm-up and failures out of latencies, and take rates over the window', () => {
    const { book, at, totals } = bookAt()
    for (let second = 1; second <= 20; second++) {
      at.tNs = second * S
      totals.sent += 10
      totals.ok += 9
      totals.failed += 1
      totals.tokens += 400
      totals.txBodyBytes += 1000
      totals.rxBodyBytes += 30_000
      for (let i = 0; i < 9; i++)
        book.ended(DRAFT, outcome({ firstTokenNs: 1e8, lastTokenNs: 1.4e8, endNs: 1.5e8, handedNs: 2e6 }), 1e6)
      book.ended(
        DRAFT,
        outcome({ status: 'http_error', httpStatus: 503, error: 'HTTP 503', inputTokens: null, endNs: 9e9 }),
        0,
      )
      book.snapshot()
    }
    book.ended({ phase: 'warmup' } as Draft, outcome({ endNs: 60e9 }), 0)
    at.inFlight = 4
    const figures = book.snapshot()!
    expect(figures.requests).toMatchObject({
      planned: 100,
      share: 1,
      sent: 200,
      ended: 200,
      ok: 180,
      failed: 20,
      inFlight: 4,
    })
    expect([...figures.requests.byStatus, ...figures.requests.byHttpStatus]).toEqual([
      ['http_error', 20],
      [503, 20],
    ])
    expect(figures.tokens).toEqual({ input: 181 * 7, output: 8000 })
    expect(figures.rates.okPerS).toBeCloseTo(9, 6)
    expect(figures.rates.failedPerS).toBeCloseTo(1, 6)
    expect(figures.rates.outputTokensPerS).toBeCloseTo(400, 6)
    expect(figures.rates.rxBytesPerS).toBeCloseTo(30_000, 6)
    const { e2e, tpot, lag } = figures.latency
    expect([e2e.total.n, tpot.total.n, lag.total.n]).toEqual([180, 180, 200])
    expect(e2e.total.maxNs).toBe(1.5e8)
    expect(tpot.total.p50Ns / 2e7).toBeCloseTo(1, 1)
    expect(figures.lastError).toBe('HTTP 503')
  })

  it('read server, GPUs, hosts and client from the last values, and forget those that are old', () => {
    const { book, at } = bookAt([
      counter('engine', 'num_requests_running', 3, { process: 'engine 0' }),
      counter('engine', 'num_requests_running', 4, { process: 'engine 1' }),
      counter('engine', 'num_requests_waiting', 2, { process: 'tp 0', replica: 'one' }),
      counter('engine', 'num_requests_waiting', 2, { process: 'tp 1', replica: 'one' }),
      counter('engine', 'num_requests_waiting', 5, { process: 'tp 0', replica: 'two' }),
      counter('engine', 'kv_cache_usage_ratio', 0.5),
      counter('gpu', 'gpu_utilization_ratio', 0.75, { device: '0 A' }),
      counter('gpu', 'power_draw_w', 300, { device: '0 A' }),
      counter('gpu', 'power_draw_w', null, { device: '1 B' }),
      counter('gpu', 'memory_used_bytes', 6e9, { device: '1 B' }),
      counter('gpu', 'memory_free_bytes', 2e9, { device: '1 B' }),
      counter('host', 'cpu_busy_ratio', 0.2, { role: 'machine' }),
      counter('host', 'cpu_busy_ratio', 0.9, { role: 'machine', device: 'cpu3' }),
      counter('host', 'energy_j', 6, { role: 'machine', device: 'package-0 x', tNs: 2e8, beforeNs: 1e8 }),
      counter('host', 'energy_j', 5, { role: 'machine', device: 'core x', tNs: 2e8, beforeNs: 1e8 }),
      counter('client', 'cpu_cores', 0.3),
    ])
    expect(book.snapshot()).toMatchObject({
      server: { running: 7, waiting: 7, kvCacheRatio: 0.5 },
      gpus: [
        { device: '0 A', utilizationRatio: 0.75, powerW: 300, memoryTotalBytes: null },
        { device: '1 B', utilizationRatio: null, powerW: null, memoryUsedBytes: 6e9, memoryTotalBytes: 8e9 },
      ],
      hosts: [{ host: 'h1', cpuBusyRatio: 0.2, powerW: 60 }],
      client: { cores: 0.3, loopDelayP99Ns: null },
    })
    at.tNs = 30 * S
    expect(book.snapshot()).toMatchObject({ server: { running: null }, gpus: [], hosts: [] })
  })
})

describe('the page of metrics', () => {
  it('tells the same figures', () => {
    const { book, at, totals } = bookAt([counter('gpu', 'power_draw_w', 300, { device: '0 "A"\\' })])
    expect(
      parseMetrics(metricsText(new FigureBook({ sampleIntervalMs: 5000, plannedRequests: null })), () => true),
    ).toHaveLength(1)
    at.tNs = S
    totals.ok = 2
    totals.failed = 1
    for (const ms of [1, 100]) book.ended(DRAFT, outcome({ endNs: ms * 1e6 }), 0)
    book.ended(DRAFT, outcome({ status: 'timeout' }), 0)
    for (const ms of [20, 30, 40]) book.live.itl.record(ms * 1e6)
    const samples = parseMetrics(metricsText(book), () => true)
    const value = (name: string, labels = {}) =>
      samples.find((each) => each.name === name && JSON.stringify(parseLabels(each.labels)) === JSON.stringify(labels))
        ?.value
    expect(value('layerline_requests_total', { status: 'ok' })).toBe(2)
    expect(value('layerline_requests_total', { status: 'timeout' })).toBe(1)
    expect(value('layerline_requests_planned')).toBe(100)
    expect(value('layerline_requests_per_second')).toBeCloseTo(2, 6)
    expect(value('layerline_gpu_power_watts', { gpu: '0 "A"\\' })).toBe(300)
    expect(value('layerline_server_requests_running')).toBeUndefined()
    expect(value('layerline_e2e_seconds_count')).toBe(2)
    expect(value('layerline_e2e_seconds_sum')).toBeCloseTo(0.101, 9)
    expect(value('layerline_itl_recent_seconds', { quantile: '0.5' })).toBeCloseTo(0.03, 3)
    const buckets = samples.filter(({ name }) => name === 'layerline_itl_seconds_bucket')
    const bounds = buckets.map(({ labels }) => Number((parseLabels(labels).le as string).replace('+Inf', 'Infinity')))
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b))
    expect(buckets.map((bucket) => bucket.value)).toEqual(
      bounds.map((bound) => [0.02, 0.03, 0.04].filter((s) => s < bound).length),
    )
  })
})
