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
    // Sampled at most ten times a second, whatever the period; the last page is beside the grid.
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
    ['node_load1 0.5\n', 200, 'input/metrics', 'no metric of a known engine'],
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

describe('series of a page', () => {
  /** Serves these pages, the last one again and again; samples at least as many. */
  async function recorded(pages: string[], wanted = pages.length) {
    let asked = -1
    const url = await serve((_, response) => response.end(pages[Math.max(0, Math.min(asked++, pages.length - 1))]))
    const source = await prepareEngineMetrics(url, 100)
    const run = memoryContext()
    await source.start(run.context)
    expect(await until(() => asked > wanted)).toBe(true)
    await source.stop()
    const labelled = run.tracks().map((track) => ({ ...track, attrs: JSON.parse(track.attrs ?? '{}') }))
    const values = (name: string, process: string | null = null) => {
      const ids = labelled.filter((track) => track.name === name && (track.process ?? null) === process)
      expect(ids.length, `${name} ${process}`).toBe(1)
      return run.samples().flatMap(({ track_id, value }) => (track_id === ids[0]?.track_id ? [value] : []))
    }
    return { run, tracks: labelled, values }
  }

  it('are told apart by ranks and every other label', async () => {
    const ranks = [2, 0, 3, 1].map(
      (rank) =>
        `sglang:num_running_reqs{dp_rank="${rank}",model_name="m",pid="91${rank}",tp_rank="${rank}"} ${rank}.0\n`,
    )
    const variants = ['stop', 'length'].map((reason) => `sglang:num_requests_total{finish="${reason}"} 3\n`)
    const { tracks, values } = await recorded([`${ranks.join('')}sglang:token_usage NaN\n${variants.join('')}`])
    const own = tracks.filter(({ name }) => name === 'num_requests_running')
    expect(own.map(({ process }) => process)).toEqual(['dp 2, tp 2', 'dp 0, tp 0', 'dp 3, tp 3', 'dp 1, tp 1'])
    expect(new Set(own.map(({ attrs }) => attrs.replica)).size).toBe(4)
    expect(values('num_requests_running', 'dp 3, tp 3').every((value) => value === 3)).toBe(true)
    expect(values('kv_cache_usage_ratio').every((value) => value === null)).toBe(true)
    expect(tracks.filter(({ name }) => name === 'request_success_total').map(({ device }) => device)).toEqual([
      'finish=stop',
      'finish=length',
    ])
  })

  it('of shards that work on the same requests share their replica', async () => {
    const { tracks } = await recorded([
      'vllm:num_requests_running{engine="0",tp_rank="0",pid="1"} 1\nvllm:num_requests_running{engine="0",tp_rank="1",pid="2"} 1\n',
    ])
    expect(tracks).toHaveLength(2)
    expect(new Set(tracks.map(({ attrs }) => attrs.replica)).size).toBe(1)
  })

  it('of two models on one page are told apart by the model', async () => {
    const { tracks } = await recorded([
      'vllm:num_requests_running{engine="0",model_name="a"} 1\nvllm:num_requests_running{engine="0",model_name="b"} 2\n',
    ])
    expect(tracks.map(({ process, device }) => [process, device])).toEqual([
      ['engine 0', 'model_name=a'],
      ['engine 0', 'model_name=b'],
    ])
  })

  it('under an old and a new name are one track, whatever the order of labels and lines', async () => {
    const both =
      'vllm:gpu_cache_usage_perc{engine="0",model_name="m"} 0.9\nvllm:kv_cache_usage_perc{model_name="m",engine="0"} 0.5\n'
    const old = 'vllm:gpu_cache_usage_perc{engine="0",model_name="m"} 0.7\n'
    const { values } = await recorded([both, old])
    const seen = values('kv_cache_usage_ratio', 'engine 0')
    expect(seen.slice(0, 2)).toEqual([0.5, 0.7])
    expect(new Set(seen)).toEqual(new Set([0.5, 0.7]))
  })

  it("are known behind Ray's prefix, a counter with and without its suffix once", async () => {
    const at = '{ReplicaId="r1",engine="0",model_name="m"}'
    const { tracks, values } = await recorded([
      `ray_vllm_num_requests_running${at} 2\nray_vllm_prompt_tokens${at} 7\nray_vllm_prompt_tokens_total${at} 9\n`,
    ])
    expect(tracks.map(({ name }) => name).sort()).toEqual(['num_requests_running', 'prompt_tokens_total'])
    expect(values('prompt_tokens_total', 'engine 0, replica r1')[0]).toBe(9)
  })

  it("SGLang's gauge of retracted requests is no count of preemptions", async () => {
    const { tracks } = await recorded(['sglang:num_retracted_reqs 3\nsglang:num_queue_reqs 1\n'])
    expect(tracks.map(({ name }) => name).sort()).toEqual(['num_requests_waiting', 'num_retracted_reqs'])
  })

  it.each([
    ['tgi_queue_size 3\ntgi_batch_current_size 2\ntgi_request_generated_tokens_sum 40\n', 'num_requests_waiting', 3],
    ['trtllm_kv_cache_utilization{model_name="m"} 0.25\n', 'kv_cache_usage_ratio', 0.25],
    [
      'request_success_total{finished_reason="length"} 2.0\ne2e_request_latency_seconds_sum 3.5\n',
      'e2e_request_latency_seconds_sum',
      3.5,
    ],
    ['llamacpp:requests_deferred 4\r\nllamacpp:n_busy_slots_per_decode -nan\r\n# EOF\r\n', 'num_requests_waiting', 4],
    ['sglang_num_queue_reqs 5 1700000000000 # {trace_id="x"} 1\n', 'num_requests_waiting', 5],
  ])('of every engine are read: %s', async (page, name, value) => {
    const { run } = await recorded([page])
    expect(run.of(name)[0]?.value).toBe(value)
  })

  it('that come later are recorded from then on, and a page without any is an outage', async () => {
    const first = 'sglang:some_new_gauge 1\n'
    const { run, values } = await recorded([first, first, 'sglang:num_running_reqs 1\n'])
    expect(values('num_requests_running').every((value) => value === 1)).toBe(true)
    expect(run.outages()).toHaveLength(1)
  })

  it('whose values cannot be are recorded without them, and a total that fell is reported once', async () => {
    const page = (n: number, share: number) => `vllm:prompt_tokens_total ${n}\nvllm:kv_cache_usage_perc ${share}\n`
    const { run, values } = await recorded([page(10, 0.5), page(20, 42), page(3, 43), page(5, 0.1), page(1, 0.1)])
    expect(values('prompt_tokens_total').slice(0, 5)).toEqual([10, 20, 3, 5, 1])
    expect(values('kv_cache_usage_ratio').slice(0, 4)).toEqual([0.5, null, null, 0.1])
    expect(run.of('values_rejected').at(-1)?.value).toBe(2)
    expect(run.notes).toHaveLength(2)
  })
})

describe('a page that is not read', () => {
  it.each([
    ['[]', 'JSON', '/prometheus/metrics'],
    ['node_load1 0.5\nnode_load5 1\n', 'node_load1', 'TGI'],
    ['DCGM_FI_DEV_GPU_UTIL{gpu="0"} 5\n', 'dcgm:URL', 'SGLang'],
    ['litellm_requests_metric_total{model="m"} 3\npython_info{version="3"} 1\n', 'LiteLLM', 'vLLM'],
    ['', 'empty', 'llama.cpp'],
    ['\u001f\u008b\u0008xx', 'compressed', ''],
  ])('says what it is, and what is known: %s', async (page, what, hint) => {
    const url = await serve((_, response) => response.end(page))
    await expect(prepareEngineMetrics(url, 100)).rejects.toMatchObject({
      code: 'input/metrics',
      message: expect.stringContaining(what),
      hint: expect.stringContaining(hint),
    })
  })

  it('because it asks for a login takes one from the URL, which is stored nowhere', async () => {
    const url = await serve(({ headers }, response) => {
      const wanted = `Basic ${Buffer.from('me:s3cret').toString('base64')}`
      response.writeHead(headers.authorization === wanted ? 200 : 401).end('vllm:num_requests_running 1\n')
    })
    await expect(prepareEngineMetrics(url, 100)).rejects.toMatchObject({ code: 'unreachable/metrics' })
    const source = await prepareEngineMetrics(url.replace('//', '//me:s3cret@'), 100)
    const run = memoryContext()
    await source.start(run.context)
    await source.stop()
    expect(run.of('num_requests_running').length).toBeGreaterThan(0)
    expect(JSON.stringify([run.tracks(), run.notes])).not.toContain('s3cret')
  })
})
