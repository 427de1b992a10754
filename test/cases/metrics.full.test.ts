import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { Report } from '../../src/analysis/report.ts'
import { CHECKOUT, layerline, sqlRows } from '../support/cli.ts'
import { tempFolder } from '../support/temp-folder.ts'
import {
  addedBy,
  BEFORE,
  dcgmPage,
  RANKS,
  restarting,
  sglangRanks,
  trtllmIterations,
  trtllmPage,
} from './metrics-pages.ts'
import { metricsServer } from './metrics-server.ts'

vi.setConfig({ testTimeout: 120_000 })

/** A trace of some requests in a folder of its own: where it lies and how it ended. */
async function traced(repeat: number, args: string[], env: Record<string, string> = {}) {
  const folder = tempFolder()
  writeFileSync(
    join(folder, 'prompts.csv'),
    'prompt_id,size,prompt\na,4,one two three four\nb,4,five six seven eight\n',
  )
  const result = await layerline(
    folder,
    ['trace', '--prompts', 'prompts.csv', '--repeat', String(repeat), '--out', 'run', ...args],
    { env },
  )
  return { folder, run: join(folder, 'run'), ...result }
}

async function reportOf(folder: string): Promise<Report> {
  const { code, stdout, stderr } = await layerline(folder, ['report', 'run', '--json'])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as Report
}

test('ranks of one server are told apart in the report and in an export, and put together as their meaning asks', async () => {
  const { url } = await metricsServer({ '/metrics': sglangRanks })
  const { folder, code, stderr } = await traced(3, ['--url', url, '--engine-metrics', url, '--gpu', 'none'])
  expect(code, stderr).toBe(0)
  const { engine_metrics: engine } = await reportOf(folder)
  expect(engine?.running).toEqual({ mean: 6, max: 6 })
  expect(engine?.waiting).toEqual({ mean: 5, max: 5 })
  expect(engine?.kv_cache?.max).toBeCloseTo(0.9, 12)
  expect(engine?.kv_cache?.mean).toBeCloseTo(0.35, 12)
  const running = engine?.series.filter(({ name }) => name === 'num_requests_running') ?? []
  expect(running.map(({ process, mean }) => [process, mean])).toEqual(
    RANKS.running.map((value, rank) => [`dp ${rank}, tp ${rank}, pp 0`, value]),
  )
  const text = await layerline(folder, ['report', 'run'])
  for (const rank of [0, 1, 2, 3]) expect(text.stdout).toContain(`dp ${rank}, tp ${rank}`)
  const exported = await layerline(folder, ['export', 'run', '--to', 'chrome', '--out', 'out.json'])
  expect(exported.code, exported.stderr).toBe(0)
  const { traceEvents } = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8')) as {
    traceEvents: { ph: string; name: string; pid: number; args?: { name?: string; value?: number } }[]
  }
  const names = new Map(
    traceEvents.filter(({ name }) => name === 'process_name').map(({ pid, args }) => [pid, args?.name]),
  )
  const drawn = traceEvents.filter(({ ph, name }) => ph === 'C' && name.startsWith('num_requests_running'))
  expect(new Set(drawn.map(({ pid, name }) => `${names.get(pid)} ${name}`)).size).toBe(4)
})

test('totals of a server that restarts are counted on from zero, in the report and by the documented statement', async () => {
  const { url, asked } = await metricsServer({ '/metrics': restarting }, 8, 40)
  const { folder, code, stderr } = await traced(8, ['--url', url, '--engine-metrics', url, '--gpu', 'none'])
  expect(code, stderr).toBe(0)
  const last = asked.get('/metrics') ?? 0
  expect(last).toBeGreaterThan(BEFORE + 4)
  // The page before the run is asked for to see that it is one.
  const added = addedBy(2, last)
  const { engine_metrics: engine, verdict } = await reportOf(folder)
  expect(engine).toMatchObject({ generation_tokens: added, prompt_tokens: 2 * added, restarts: 1 })
  expect(verdict.map(({ what }) => what)).toContain('engine_restarts')
  const [, recipe = ''] =
    /```sql\n(.*v_totals[\s\S]*?)```/.exec(readFileSync(`${CHECKOUT}docs/hardware.md`, 'utf8')) ?? []
  const rows = await sqlRows(folder, 'run', recipe.trim().replace(/;$/, ''))
  expect(rows.find(({ name }) => name === 'generation_tokens_total')).toMatchObject({ added, restarts: 1 })
})

test("TensorRT-LLM's JSON is named as what it is, and its page without a prefix is read", async () => {
  const { url, asked } = await metricsServer({
    '/metrics': (n) => ({ status: 200, body: n % 2 === 0 ? '[]' : trtllmIterations }),
    '/prometheus/metrics': () => trtllmPage,
  })
  for (let i = 0; i < 2; i++) {
    const refused = await traced(1, ['--url', url, '--engine-metrics', url, '--gpu', 'none'])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('JSON')
    expect(refused.stderr).toContain('/prometheus/metrics')
    expect(existsSync(refused.run)).toBe(false)
  }
  expect(asked.get('/metrics')).toBe(2)
  const { folder, code } = await traced(2, [
    ...['--url', url, '--engine-metrics', `${url}/prometheus/metrics`, '--gpu', 'none'],
  ])
  expect(code).toBe(0)
  const { engine_metrics: engine } = await reportOf(folder)
  expect(engine?.series.map(({ name }) => name)).toContain('request_success_total')
})

test("a DCGM exporter's blanks and spikes are no values", async () => {
  const started = performance.now()
  const { url } = await metricsServer({ '/metrics': (n) => dcgmPage(n, (performance.now() - started) / 1000) }, 8, 40)
  const { folder, code, stderr } = await traced(6, ['--url', url, '--gpu', `dcgm:${url}/metrics`])
  expect(code, stderr).toBe(0)
  const rows = await sqlRows(
    folder,
    'run',
    `SELECT t.name, t.device LIKE '%MIG%' AS mig, min(c.value) AS least, max(c.value) AS most, count(*) AS n, count(c.value) AS known
     FROM counters c JOIN tracks t USING (track_id) WHERE t.layer = 'gpu' AND t.name <> 'energy_j' GROUP BY ALL`,
  )
  const of = (name: string, mig = false) => rows.find((row) => row.name === name && row.mig === mig)
  const values = (name: string, mig = false) => [Number(of(name, mig)?.least), Number(of(name, mig)?.most)]
  expect(values('gpu_utilization_ratio')).toEqual([0.6, 0.6])
  expect(values('power_draw_w')).toEqual([300, 300])
  expect(values('sm_active_ratio')).toEqual([0.5, 0.5])
  expect(values('memory_used_bytes')).toEqual([1000 * 2 ** 20, 1000 * 2 ** 20])
  expect(values('xid_error')).toEqual([0, 0])
  expect(values('dram_active_ratio')).toEqual([0.25, 0.25])
  expect(values('sm_active_ratio', true)).toEqual([0.1, 0.1])
  expect(Number(of('power_draw_w')?.known)).toBeLessThan(Number(of('power_draw_w')?.n))
  expect(Number(of('dram_active_ratio')?.n)).toBeLessThan(Number(of('power_draw_w')?.n))
  const { rejected_values: rejected, hardware, offered, verdict } = await reportOf(folder)
  expect(rejected[0]?.values).toBeGreaterThan(3)
  expect(verdict.map(({ what }) => what)).toContain('gpu_values')
  const energy = hardware.energy.find(({ scope }) => scope === 'gpu')
  const seconds = (offered.span_s as number) * (energy?.covered_share as number)
  expect((energy?.whole_j.value as number) / (300 * seconds)).toBeCloseTo(1, 1)
})

test("nvidia-smi's answer counts, not its exit status", async () => {
  const { url } = await metricsServer({})
  const fake = join(CHECKOUT, 'test/fake-nvidia-smi')
  const env = {
    PATH: `${fake}:${process.env.PATH}`,
    FAKE_SMI_EXIT: '14',
    FAKE_SMI_WARNING: 'WARNING: infoROM is corrupted at gpu 0000:00:1E.0',
  }
  for (const gpu of ['local', 'auto']) {
    const { folder, code, stderr } = await traced(4, ['--url', url, '--gpu', gpu], env)
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('infoROM is corrupted')
    const rows = await sqlRows(
      folder,
      'run',
      "SELECT count(DISTINCT device) AS gpus, count(c.value) AS n FROM counters c JOIN tracks t USING (track_id) WHERE t.name = 'power_draw_w'",
    )
    expect(Number(rows[0]?.gpus)).toBe(2)
    expect(Number(rows[0]?.n)).toBeGreaterThan(2)
  }
  const doctor = await layerline(tempFolder(), ['doctor', '--json'], { env })
  const gpu = (JSON.parse(doctor.stdout) as { layer: string; state: string; how: string }[]).find(
    ({ layer }) => layer === 'gpu',
  )
  expect(gpu).toMatchObject({ state: 'works', how: expect.stringContaining('infoROM is corrupted') })
})
