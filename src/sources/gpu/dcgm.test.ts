import { createServer, type RequestListener } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryContext, until } from '../../../test/support/memory-context.ts'
import { prepareDcgm } from './dcgm.ts'
import { prepareGpu } from './gpu-source.ts'

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
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/metrics`
}

const labels = (gpu: number, more = ''): string =>
  `gpu="${gpu}",UUID="GPU-${gpu}",device="nvidia${gpu}",modelName="NVIDIA A10",Hostname="gpu1"${more},DCGM_FI_DRIVER_VERSION="570.1"`
const page = (energyMj: number, labelled = labels(0)): string => `# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{${labelled}} 37
DCGM_FI_DEV_SM_CLOCK{${labelled}} 1410
DCGM_FI_DEV_FB_USED{${labelled}} 1024
DCGM_FI_DEV_POWER_USAGE{${labelled}} 61.25
DCGM_FI_DEV_MEMORY_TEMP{${labelled}} 2147483632
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{${labelled}} ${energyMj}
DCGM_FI_PROF_GR_ENGINE_ACTIVE{${labelled}} 0.5
DCGM_FI_DEV_POWER_USAGE{${labels(1)}} 20
`

describe('a DCGM exporter', () => {
  it('gives samples in our units, for each GPU', async () => {
    let pages = 0
    const url = await serve((_, response) => response.end(page(1_000_500 + 500 * pages++)))
    const source = await prepareDcgm(url, { periodMs: 10, gpus: [] })
    const run = memoryContext()
    await source.start(run.context)
    expect(await until(() => run.of('energy_j').length >= 8)).toBe(true)
    await source.stop()
    const first = (name: string): number | null | undefined => run.of(name, '0 ')[0]?.value
    expect(first('gpu_utilization_ratio')).toBeCloseTo(0.37, 12)
    expect(first('sm_clock_hz')).toBe(1410e6)
    expect(first('memory_used_bytes')).toBe(1024 ** 3)
    expect(first('power_draw_w')).toBe(61.25)
    expect(first('memory_temperature_c')).toBeNull()
    expect(first('graphics_engine_active_ratio')).toBe(0.5)
    expect(run.of('energy_j').map(({ value }) => value)).toEqual(run.of('energy_j').map((_, i) => 1001 + i / 2))
    expect(run.of('power_draw_w', '1 ')[0]?.value).toBe(20)
    expect(run.tracks().find(({ name }) => name === 'energy_j')).toMatchObject({
      layer: 'gpu',
      host: 'gpu1',
      device: '0 GPU-0 NVIDIA A10',
      unit: 'J',
      clock: 'run',
    })
    const attrs = JSON.parse(run.tracks().find(({ name }) => name === 'energy_j')?.attrs ?? '{}')
    expect(attrs).toMatchObject({ field: 'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION', kind: 'total', driver: '570.1' })
    // It changed with each page, which came ten times a second.
    expect(attrs.update_period_ns).toBeGreaterThan(50e6)
  })

  it('names the instance where a GPU is cut into several, and keeps to the GPUs asked for', async () => {
    const mig = labels(0, ',GPU_I_PROFILE="1g.10gb",GPU_I_ID="7"')
    const url = await serve((_, response) => response.end(page(1, mig)))
    const run = memoryContext()
    const source = await prepareDcgm(url, { periodMs: 100, gpus: ['GPU-0'] })
    await source.start(run.context)
    await source.stop()
    expect(new Set(run.tracks().map(({ device }) => device))).toEqual(new Set(['0 GPU-0 NVIDIA A10 MIG 1g.10gb 7']))
    await expect(prepareDcgm(url, { periodMs: 100, gpus: ['5'] })).rejects.toMatchObject({
      code: 'missing/gpu-device',
      hint: expect.stringContaining('1 GPU-1 NVIDIA A10'),
    })
  })

  it('that slows down asks a page that stays the same less often, and one that changes as asked for', async () => {
    let asked = 0
    const url = await serve((_, response) => {
      asked++
      response.end(page(1))
    })
    const source = await prepareDcgm(url, { periodMs: 100, gpus: [] })
    const run = memoryContext()
    await source.start(run.context)
    expect(await until(() => asked > 11)).toBe(true)
    const before = asked
    await new Promise((resolve) => setTimeout(resolve, 900))
    expect(asked - before).toBeLessThanOrEqual(2)
    await source.stop()
    expect(run.outages()).toEqual([])
  })

  it.each([
    [
      '<html><body>Grafana</body></html>',
      200,
      'input/metrics',
      'a web page (HTML); expected the metrics of the DCGM exporter',
    ],
    ['gone', 404, 'unreachable/metrics', 'the DCGM exporter answered 404 Not Found'],
    ['up 1\n', 200, 'input/metrics', 'no DCGM_FI_… metric'],
  ])('that answers %s is an error with a way out', async (text, status, code, sentence) => {
    const url = await serve((_, response) => response.writeHead(status).end(text))
    await expect(prepareGpu({ kind: 'dcgm', url }, { periodMs: 100, gpus: [] })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(sentence),
      hint: expect.stringContaining('--gpu none'),
    })
  })
})
