import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Report } from '../../src/analysis/report.ts'
import { layerline, sqlRows } from '../support/cli.ts'
import { missingProgram, needs } from '../support/needs.ts'
import { sharedCase } from '../support/shared-cases.ts'
import { tempFolder } from '../support/temp-folder.ts'

vi.setConfig({ testTimeout: 200_000 })
needs(missingProgram('python3'))

/** Starts a case's server on any free port; it goes with the test. */
async function served(script: string, env: Record<string, string> = {}): Promise<string> {
  const child = spawn('python3', [script, '0'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(async () => {
    if (child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await gone
  })
  // Reading it with `for await` would close it, and end the server.
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      const url = /listening (http:\S+)/.exec(text)?.[1]
      if (url !== undefined) resolve(url)
    })
    child.once('exit', () => reject(new Error(`no address from ${script}: ${text}`)))
  })
}

async function traced(folder: string, repeat: number, args: string[], env: Record<string, string> = {}) {
  const out = join(tempFolder(), 'run')
  const prompts = join(folder, '../_lib/prompts.csv')
  const result = await layerline(
    tempFolder(),
    ['trace', '--prompts', prompts, '--repeat', String(repeat), '--out', out, ...args],
    { env },
  )
  return { out, ...result }
}

async function reportOf(out: string): Promise<Report> {
  const { code, stdout, stderr } = await layerline(tempFolder(), ['report', out, '--json'])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as Report
}

test('metrics-sglang-ranks', async (context) => {
  const folder = sharedCase(context, 'metrics-sglang-ranks')
  const url = await served(join(folder, 'server.py'))
  const { out, code } = await traced(folder, 10, ['--engine-metrics', url, '--url', url, '--gpu', 'none'])
  expect(code).toBe(0)
  const { engine_metrics: engine } = await reportOf(out)
  expect(engine).toMatchObject({ running: { mean: 6, max: 6 }, waiting: { mean: 5, max: 5 } })
  expect(engine?.kv_cache?.mean).toBeCloseTo(0.35, 9)
  expect(engine?.kv_cache?.max).toBeCloseTo(0.9, 9)
})

test('metrics-totals-reset', async (context) => {
  const folder = sharedCase(context, 'metrics-totals-reset')
  const url = await served(join(folder, 'server.py'))
  const { out, code } = await traced(folder, 20, ['--engine-metrics', url, '--url', url, '--gpu', 'none'])
  expect(code).toBe(0)
  const { engine_metrics: engine, verdict } = await reportOf(out)
  // The first page is asked for before the run, two fail; the last page's value is what was added since the restart.
  const last = await sqlRows(
    tempFolder(),
    out,
    "SELECT last(value ORDER BY t_ns) AS value FROM named_counters WHERE name = 'generation_tokens_total'",
  )
  expect(engine?.generation_tokens).toBe(260 + Number(last[0]?.value))
  expect(engine?.prompt_tokens).toBe(2 * (engine?.generation_tokens ?? 0))
  expect(engine?.restarts).toBe(1)
  expect(verdict.map(({ what }) => what)).toContain('engine_restarts')
})

test('metrics-trtllm-json', async (context) => {
  const folder = sharedCase(context, 'metrics-trtllm-json')
  for (const env of [{}, { ITERATIONS: '1' }]) {
    const url = await served(join(folder, 'server.py'), env as Record<string, string>)
    const refused = await traced(folder, 1, ['--engine-metrics', url, '--url', url, '--gpu', 'none'])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toContain('/prometheus/metrics')
    expect(existsSync(refused.out)).toBe(false)
    const read = await traced(folder, 1, [
      ...['--engine-metrics', `${url}/prometheus/metrics`, '--url', url, '--gpu', 'none'],
    ])
    expect(read.code, read.stderr).toBe(0)
  }
})

test('dcgm-blanks-and-spikes', async (context) => {
  const folder = sharedCase(context, 'dcgm-blanks-and-spikes')
  const url = await served(join(folder, 'server.py'))
  const { out, code } = await traced(folder, 15, ['--gpu', `dcgm:${url}/metrics`, '--url', url])
  expect(code).toBe(0)
  const rows = await sqlRows(
    tempFolder(),
    out,
    `SELECT name, min(value) AS least, max(value) AS most FROM counters c JOIN tracks t USING (track_id)
     WHERE t.layer = 'gpu' AND t.device NOT LIKE '%MIG%' GROUP BY ALL`,
  )
  const of = (name: string) =>
    rows.filter((row) => row.name === name).map(({ least, most }) => [Number(least), Number(most)])
  expect(of('gpu_utilization_ratio')).toEqual([[0.6, 0.6]])
  expect(of('power_draw_w')).toEqual([[300, 300]])
  expect(of('sm_active_ratio')).toEqual([[0.5, 0.5]])
  expect(of('memory_used_bytes')).toEqual([[1000 * 2 ** 20, 1000 * 2 ** 20]])
})

test('smi-exit-14', async (context) => {
  const folder = sharedCase(context, 'smi-exit-14')
  const url = await served(join(folder, '../_lib/fast_server.py'))
  const env = { PATH: `${folder}/bin:${process.env.PATH}` }
  const { out, code, stderr } = await traced(folder, 5, ['--gpu', 'local', '--url', url], env)
  expect(code, stderr).toBe(0)
  expect(stderr).toContain('infoROM is corrupted')
  const rows = await sqlRows(
    tempFolder(),
    out,
    `SELECT t.name, t.device, min(c.value) AS least, max(c.value) AS most FROM counters c JOIN tracks t USING (track_id)
     WHERE t.name IN ('power_draw_w', 'gpu_utilization_ratio') GROUP BY ALL ORDER BY 1, 2`,
  )
  expect(rows.map(({ least, most }) => [Number(least), Number(most)])).toEqual([
    [0.4, 0.4],
    [0.1, 0.1],
    [60, 60],
    [71, 71],
  ])
})
