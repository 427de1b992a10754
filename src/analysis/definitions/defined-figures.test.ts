import { afterEach, describe, expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { DEFINITIONS, type DefinitionsName, definedFigures } from './defined-figures.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

const ms = 1e6

/**
 * A, over a fresh connection from 0: sent 3 ms; events at 20 (role), 100 (reasoning, 2 tokens), 110 and 140 (content, 1 each),
 * 150 (a finish reason alone), 155 (usage); ends at 160. B, over a kept one: sent 1000; events at 1010 (role), 1050 and 1060
 * (content, 1 each); ends at 1100. Beside them a failure and a warm-up, which no tool counts.
 */
const REQUESTS: NonNullable<Tables['requests']> = [
  {
    request_id: 0,
    status: 'ok',
    connect_start_ns: 0,
    connected_ns: 2 * ms,
    sent_ns: 3 * ms,
    first_token_ns: 100 * ms,
    last_token_ns: 140 * ms,
    end_ns: 160 * ms,
    input_tokens: 10,
    output_tokens: 4,
  },
  {
    request_id: 1,
    status: 'ok',
    sent_ns: 1000 * ms,
    first_token_ns: 1050 * ms,
    last_token_ns: 1060 * ms,
    end_ns: 1100 * ms,
    input_tokens: 6,
    output_tokens: 2,
  },
  { request_id: 2, status: 'http_error', sent_ns: 1 * ms, end_ns: 5000 * ms },
  { request_id: 3, status: 'ok', phase: 'warmup', sent_ns: -1000 * ms, first_token_ns: 0, last_token_ns: 1, end_ns: 2 },
]

const EVENTS: [id: number, at: number, kind: string, tokens: number | null][] = [
  [0, 20, 'role', null],
  [0, 100, 'reasoning', 2],
  [0, 110, 'content', 1],
  [0, 140, 'content', 1],
  [0, 150, 'role', null],
  [0, 155, 'usage', null],
  [1, 1010, 'role', null],
  [1, 1050, 'content', 1],
  [1, 1060, 'content', 1],
]

const RUN: Tables = {
  requests: REQUESTS,
  chunks: EVENTS.map(([request_id, at, kind, tokens], index) => ({ request_id, index, t_ns: at * ms, kind, tokens })),
}

async function figuresOf(name: DefinitionsName, tables = RUN) {
  const reader = await memoryRun(tables)
  open.push(reader)
  const { distributions, rates } = await definedFigures(reader, name)
  return {
    of: (figure: string) => distributions.find((d) => d.name === figure),
    rate: (figure: string) => rates.find((r) => r.name === figure)?.value,
  }
}

const close = (value: number) => expect.closeTo(value, 9)

describe('definitions, each worked out by hand', () => {
  it('layerline: from the last byte sent, token events only, percentiles are rows', async () => {
    const { of } = await figuresOf('layerline')
    // A 100 - 3, B 1050 - 1000; p50 is row ceil(2 x 0.5) = 1.
    expect(of('ttft_ms')).toMatchObject({ n: 2, mean: 73.5, std: 23.5, p50: 50, p90: 97, p99: 97 })
    // A 10, 30; B 10.
    expect(of('itl_ms')).toMatchObject({ n: 3, mean: close(50 / 3), p50: 10, p90: 30 })
    // A (140 - 100) / 3, B 10 / 1.
    expect(of('tpot_ms')).toMatchObject({ mean: close((40 / 3 + 10) / 2), p50: 10, p90: close(40 / 3) })
    // A 160 - 3, B 100.
    expect(of('e2e_ms')).toMatchObject({ mean: 128.5, p50: 100, p90: 157 })
  })

  it('vllm: from before the connection, the role alone is a first token, TPOT from its E2E, percentiles interpolated', async () => {
    const { of, rate } = await figuresOf('vllm')
    // A 20 - 0, B 1010 - 1000: halfway 15; 10 + 0.9 x 10; 10 + 0.99 x 10.
    expect(of('ttft_ms')).toMatchObject({ n: 2, mean: 15, std: 5, p50: 15, p90: close(19), p99: close(19.9) })
    // Last event with choices: A 150, B 1060. A (150 - 20) / 3 = 130/3, B (60 - 10) / 1 = 50.
    expect(of('tpot_ms')).toMatchObject({ n: 2, mean: close(140 / 3), p50: close(140 / 3), p90: close(130 / 3 + 6) })
    // A 80, 10, 30, 10; B 40, 10; sorted 10 10 10 30 40 80: p50 between the 3rd and 4th, p90 halfway from 40 to 80.
    expect(of('itl_ms')).toMatchObject({ n: 6, mean: 30, p50: 20, p90: close(60), p99: close(78) })
    // Squares of the distances to 30: 400 x 3 + 0 + 100 + 2500 = 3800, over 6.
    expect(of('itl_ms')?.std).toBeCloseTo(Math.sqrt(3800 / 6), 9)
    expect(of('e2el_ms')).toMatchObject({ mean: 105, p50: 105 })
    // From 0 to the end of the failure: 5 s; 2 requests, 6 tokens out, 22 in all.
    expect(rate('request_throughput')).toBeCloseTo(2 / 5, 9)
    expect(rate('output_throughput')).toBeCloseTo(6 / 5, 9)
    expect(rate('total_token_throughput')).toBeCloseTo(22 / 5, 9)
  })

  it('aiperf: ITL is a mean of the request that leaves out the tokens of its first response', async () => {
    const { of, rate } = await figuresOf('aiperf')
    // A 100 - 0, B 50.
    expect(of('time_to_first_token')).toMatchObject({ n: 2, mean: 75, p50: 75, p90: close(95) })
    expect(of('time_to_second_token')).toMatchObject({ n: 2, mean: 10 })
    // A 110 (100 was reasoning), B 50.
    expect(of('time_to_first_output_token')).toMatchObject({ mean: 80 })
    // Last response with content: A 140, B 60.
    expect(of('request_latency')).toMatchObject({ mean: 100, p50: 100 })
    // A (140 - 100) / (4 - 2) = 20, B (60 - 50) / (2 - 1) = 10.
    expect(of('inter_token_latency')).toMatchObject({ n: 2, mean: 15, p50: 15 })
    expect(of('inter_chunk_latency')).toMatchObject({ n: 3, mean: close(50 / 3), p50: 10 })
    // 1 / 20 ms = 50, 1 / 10 ms = 100.
    expect(of('output_token_throughput_per_user')).toMatchObject({ n: 2, mean: 75 })
    // From 0 to the last content of B; the phase is from 0 to the end of the failure, 5 s.
    expect(rate('benchmark_duration')).toBeCloseTo(1.06, 9)
    expect(rate('request_throughput')).toBeCloseTo(2 / 5, 9)
    expect(rate('output_token_throughput')).toBeCloseTo(6 / 5, 9)
    expect(rate('total_token_throughput')).toBeCloseTo(22 / 5, 9)
  })

  it.each([
    ['not told', null, 40 / 3],
    ['none', 0, 40 / 3],
    ['as many as there are in all', 4, 40 / 3],
    ['three', 3, 40],
  ])('aiperf takes 1 for a first response whose tokens do not fit: %s', async (_, first, itl) => {
    const chunks = (RUN.chunks ?? []).map((c) => (c.t_ns === 100 * ms ? { ...c, tokens: first } : c))
    const { of } = await figuresOf('aiperf', { requests: [REQUESTS[0] ?? {}], chunks })
    expect(of('inter_token_latency')?.mean).toBeCloseTo(itl, 9)
  })

  it('guidellm: per request, weighed by tokens; TPOT takes in the first token', async () => {
    const { of, rate } = await figuresOf('guidellm')
    // s: A 160 - 3, B 100 ms.
    expect(of('request_latency')).toMatchObject({ unit: 's', mean: close(0.1285), p50: close(0.1), p90: close(0.157) })
    expect(of('time_to_first_token_ms')).toMatchObject({ mean: 73.5, p50: 50, p90: 97 })
    // A 110 - 3, B 50.
    expect(of('time_to_first_output_token_ms')).toMatchObject({ mean: 78.5 })
    // A 40/3 with weight 3, B 10 with weight 1: mean 50/4; B has a quarter of the weight, so p50 is A's.
    expect(of('inter_token_latency_ms')).toMatchObject({
      n: 2,
      mean: close(12.5),
      p50: close(40 / 3),
      p90: close(40 / 3),
    })
    // sqrt((3 (40/3 - 12.5)^2 + (10 - 12.5)^2) / 4) = sqrt((25/12 + 25/4) / 4) = sqrt(25/12).
    expect(of('inter_token_latency_ms')?.std).toBeCloseTo(Math.sqrt(25 / 12), 9)
    // A (140 - 3) / 4 = 34.25 with weight 4, B (1060 - 1000) / 2 = 30 with weight 2: mean 197/6.
    expect(of('time_per_output_token_ms')).toMatchObject({ mean: close(197 / 6), p50: close(34.25) })
    // From the failure's send at 1 ms to its end at 5 s.
    expect(rate('requests_per_second')).toBeCloseTo(2 / 4.999, 9)
    expect(rate('output_tokens_per_second')).toBeCloseTo(6 / 4.999, 9)
  })

  it.each(Object.keys(DEFINITIONS) as DefinitionsName[])('%s has nothing to say of an empty run', async (name) => {
    const reader = await memoryRun({})
    open.push(reader)
    const { distributions, rates } = await definedFigures(reader, name)
    for (const d of distributions) expect(d).toMatchObject({ n: 0, mean: null, std: null, p50: null, p99: null })
    for (const { value } of rates) expect(value).toBeNull()
  })
})
