import { afterEach, describe, expect, it } from 'vitest'
import { memoryRun } from '../../../test/support/memory-run.ts'
import type { RunReader, SqlValue } from '../../store/read/run-reader.ts'
import { analyseRun } from '../analyse-run.ts'
import { judge } from '../verdict/judge.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

interface Series {
  name: string
  process?: string
  device?: string
  kind?: 'gauge' | 'total'
  replica?: string
  unit?: string
  /** A value a page, every 100 ms; undefined: not on that page. */
  values: (number | null | undefined)[]
}

const OK = {
  status: 'ok',
  scheduled_ns: 0,
  sent_ns: 0,
  first_token_ns: 51e6,
  last_token_ns: 150e6,
  end_ns: 1e9,
}

async function analysed(series: Series[]) {
  const tracks = series.map(({ name, process, device, kind = 'gauge', replica, unit = '1' }, i) => ({
    track_id: i + 1,
    layer: 'engine',
    host: 'h:1',
    name,
    unit,
    process: process ?? null,
    device: device ?? null,
    clock: 'run',
    attrs: JSON.stringify({ source: 'http://h:1/metrics', kind, labels: {}, replica: replica ?? process ?? '[]' }),
  }))
  const counters = series.flatMap(({ values }, i) =>
    values.flatMap((value, page): Record<string, SqlValue>[] =>
      value === undefined ? [] : [{ track_id: i + 1, t_ns: page * 100e6, value }],
    ),
  )
  const reader = await memoryRun({ requests: [OK], tracks, counters })
  open.push(reader)
  const report = await analyseRun(reader)
  if (report.engine_metrics === null) throw new Error('no engine metrics')
  return { report, engine: report.engine_metrics, reader }
}

describe("the server's own figures", () => {
  it('are sums over replicas, and of shards of one replica the most', async () => {
    const rank = (name: string, values: number[], unit = '1'): Series[] =>
      values.map((value, i) => ({ name, process: `dp ${i}`, unit, values: [value, value] }))
    const { engine } = await analysed([
      ...rank('num_requests_running', [3, 1, 0, 2]),
      ...rank('num_requests_waiting', [0, 0, 5, 0]),
      ...rank('kv_cache_usage_ratio', [0.9, 0.1, 0, 0.4], 'ratio'),
      { name: 'num_preemptions_total', process: 'tp 0', replica: 'one', kind: 'total', values: [1, 4] },
      { name: 'num_preemptions_total', process: 'tp 1', replica: 'one', kind: 'total', values: [1, 4] },
    ])
    expect(engine.running).toEqual({ mean: 6, max: 6 })
    expect(engine.waiting).toEqual({ mean: 5, max: 5 })
    expect(engine.kv_cache?.mean).toBeCloseTo(0.35, 12)
    expect(engine.kv_cache?.max).toBe(0.9)
    expect(engine.preemptions).toBe(3)
    expect(engine.pages).toBe(2)
  })

  it('count a total on from zero where it fell, over pages that are missing and values that are', async () => {
    // 27 steps of 10, pages 29 and 30 missing, then 0, 10 … 50.
    const before = Array.from({ length: 28 }, (_, i) => 1000 + 10 * i)
    const { engine, report } = await analysed([
      {
        name: 'generation_tokens_total',
        kind: 'total',
        unit: 'tokens',
        values: [...before, undefined, undefined, null, 0, 10, 20, 30, 40, 50],
      },
      { name: 'prompt_tokens_total', kind: 'total', unit: 'tokens', values: [5, 7, 3, 4] },
    ])
    expect(engine.generation_tokens).toBe(270 + 50)
    expect(engine.prompt_tokens).toBe(2 + 3 + 1)
    expect(engine.restarts).toBe(2)
    expect(report.verdict.filter(({ what }) => what === 'engine_restarts').map(({ level }) => level)).toEqual(['warn'])
  })

  it('count a series from zero that was not on the first page', async () => {
    const { engine } = await analysed([
      { name: 'num_requests_running', values: [0, 0, 0, 0] },
      {
        name: 'request_success_total',
        device: 'finished_reason=stop',
        replica: 'stop',
        kind: 'total',
        values: [undefined, 1, 3, 3],
      },
      {
        name: 'request_success_total',
        device: 'finished_reason=length',
        replica: 'length',
        kind: 'total',
        values: [10, 10, 11, 11],
      },
    ])
    expect(engine.finished_requests).toBe(4)
  })

  it('give ratios and means of what was added, and nothing where nothing was', async () => {
    const { engine } = await analysed([
      { name: 'prefix_cache_queries_total', kind: 'total', values: [1000, 1400] },
      { name: 'prefix_cache_hits_total', kind: 'total', values: [900, 1000] },
      { name: 'request_queue_time_seconds_sum', kind: 'total', values: [5, 6] },
      { name: 'request_queue_time_seconds_count', kind: 'total', values: [10, 14] },
      { name: 'time_to_first_token_seconds_sum', kind: 'total', values: [5, 5] },
      { name: 'time_to_first_token_seconds_count', kind: 'total', values: [5, 5] },
    ])
    expect(engine.prefix_hit_ratio).toBe(0.25)
    expect(engine.queue_mean_ms).toBe(250)
    expect(engine.ttft_mean_ms).toBeNull()
    expect(engine.running).toBeNull()
    expect(engine.restarts).toBe(0)
  })

  it('that fall on page after page are of several servers', async () => {
    const { report } = await analysed([
      {
        name: 'generation_tokens_total',
        kind: 'total',
        values: Array.from({ length: 20 }, (_, i) => (i % 2) * 1000 + i),
      },
    ])
    const line = report.verdict.find(({ what }) => what === 'engine_restarts')
    expect(line?.text).toContain('several servers')
  })

  it('that cannot be are counted in the verdict', async () => {
    const { report } = await analysed([
      { name: 'kv_cache_usage_ratio', unit: 'ratio', values: [0.5, null, null, 0.5] },
      { name: 'values_rejected', kind: 'total', values: [undefined, 1, 2] },
    ])
    expect(report.rejected_values).toEqual([{ layer: 'engine', host: 'h:1', device: null, values: 2, share: 0.5 }])
    const { verdict, ...figures } = report
    expect(judge(figures).verdict).toEqual(verdict)
    expect(verdict.find(({ what }) => what === 'engine_values')).toMatchObject({ level: 'warn' })
  })
})
