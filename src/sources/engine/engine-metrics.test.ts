import { createServer, type RequestListener } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryContext, until } from '../../../test/support/memory-context.ts'
import { prepareEngineMetrics } from './engine-metrics.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  open.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

const page = (running: number, tokens: number): string => `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} ${running}
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:generation_tokens_total{engine="0",model_name="m"} ${tokens}
vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 3
vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 4
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf"} 9
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} NaN
python_gc_objects_collected_total{generation="0"} 1
`

describe('the metrics of a server', () => {
  it('become counters, its totals as it tells them, the last page after all is done', async () => {
    let tokens = 10
    const url = await serve((_, response) => response.end(page(tokens % 3, tokens++)))
    const source = await prepareEngineMetrics(url, 20)
    const run = memoryContext()
    await source.start(run.context)
    expect(await until(() => run.of('generation_tokens_total').length >= 4)).toBe(true)
    const asked = tokens
    await source.stop()
    const totals = run.of('generation_tokens_total').map(({ value }) => value)
    expect(totals).toEqual(totals.map((_, i) => 11 + i))
    expect(totals.at(-1)).toBe(tokens - 1)
    expect(tokens).toBeGreaterThan(asked)
    const times = run.of('generation_tokens_total').map(({ t_ns }) => t_ns)
    // Asked ten times a second at most, whatever the period; the last page is beside the grid.
    expect((times.at(-2) ?? 0) - (times[0] ?? 0)).toBeGreaterThan((times.length - 3) * 100e6 * 0.9)
    const tracks = Object.fromEntries(run.tracks().map((track) => [track.name, track]))
    expect(Object.keys(tracks).sort()).toEqual([
      'generation_tokens_total',
      'kv_cache_usage_ratio',
      'num_requests_running',
      'request_success_total',
      'time_to_first_token_seconds_sum',
    ])
    expect(tracks.kv_cache_usage_ratio).toMatchObject({
      layer: 'engine',
      unit: 'ratio',
      process: 'engine 0',
      clock: 'run',
    })
    expect(JSON.parse(tracks.generation_tokens_total?.attrs ?? '{}')).toMatchObject({
      field: 'vllm:generation_tokens_total',
      kind: 'total',
      labels: { engine: '0', model_name: 'm' },
    })
    expect(run.tracks().filter(({ name }) => name === 'request_success_total')).toHaveLength(2)
    expect(run.of('time_to_first_token_seconds_sum').every(({ value }) => value === null)).toBe(true)
    expect(run.outages()).toEqual([])
  })

  it('that are gone for a while leave a gap that says why', async () => {
    let status = 200
    const url = await serve((_, response) => response.writeHead(status).end(page(0, 1)))
    const source = await prepareEngineMetrics(`${url}/metrics`, 100)
    const run = memoryContext()
    await source.start(run.context)
    status = 503
    expect(await until(() => run.notes.length > 0)).toBe(true)
    status = 200
    expect(await until(() => run.outages().length === 1)).toBe(true)
    await source.stop()
    expect(run.outages()[0]?.name).toContain('503 Service Unavailable')
    expect(run.notes).toHaveLength(1)
  })

  it.each([
    ['<!DOCTYPE html><html>', 200, 'input/metrics', 'a web page (HTML)'],
    ['{"a":1}', 200, 'input/metrics', 'not a page of metrics'],
    ['', 404, 'unreachable/metrics', '404 Not Found'],
    ['node_load1 0.5\n', 200, 'input/metrics', 'no metric of an engine'],
  ])('that are none are an error before the run: %s', async (text, status, code, sentence) => {
    const url = await serve((_, response) => response.writeHead(status).end(text))
    await expect(prepareEngineMetrics(url, 100)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(sentence),
      hint: expect.any(String),
    })
  })

  it('nobody answers for are an error before the run', async () => {
    const url = await serve(() => undefined)
    await open.pop()?.()
    await expect(prepareEngineMetrics(url, 100)).rejects.toMatchObject({
      code: 'unreachable/metrics',
      exitCode: 3,
      message: expect.stringContaining('connection refused'),
    })
    await expect(prepareEngineMetrics('gpu1:8000', 100)).rejects.toMatchObject({ code: 'usage/url' })
  })
})
