import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import { openRun } from '../src/store/read/open-run.ts'
import type { SqlRow } from '../src/store/read/run-reader.ts'
import type { RunJson } from '../src/trace/run-json.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, startLayerline, until } from './support/cli.ts'
import { sessionPath } from './support/sshd.ts'
import { tempFolder } from './support/temp-folder.ts'

const FAKE_SMI = { PATH: sessionPath(join(import.meta.dirname, 'fake-nvidia-smi')) }
const PREFILL = 'id,size,prompt\np8,8,say a\np16,16,say b\n'
const DECODE = 'id,size,max_tokens,prompt\nd4,4,4,tell a\nd8,8,8,tell b\n'

let fast: RunningPacedServer
let slow: RunningPacedServer
beforeAll(async () => {
  fast = await startPacedServer({ paced: { ttft_ms: 20, itl_ms: 5 } })
  slow = await startPacedServer({ paced: { ttft_ms: 40, itl_ms: 10 } })
})
afterAll(async () => {
  await fast?.stop()
  await slow?.stop()
})
beforeEach(async () => {
  await fast.clearTruth()
  await slow.clearTruth()
})

/** A folder with a plan in it: two targets, two stages, sizes, passes; `more` comes first. */
function planFolder(more: string, urls?: readonly string[]): string {
  const folder = tempFolder()
  writeFileSync(join(folder, 'prefill.csv'), PREFILL)
  writeFileSync(join(folder, 'decode.csv'), DECODE)
  writePlan(folder, more, urls)
  return folder
}

function writePlan(folder: string, more: string, urls: readonly string[] = [fast.url, slow.url]): void {
  const [first, second] = urls
  writeFileSync(
    join(folder, 'plan.yaml'),
    `${more}
targets:
  - {name: a10, url: "${first}", gpu: local, gpu_list: ["0"]}
  - {name: a100, url: "${second}", gpu: none}
stages:
  - {stage: prefill, prompts: prefill.csv, sizes: [8], repeat: 2, max_tokens: 1}
  - {stage: decode, prompts: decode.csv}
`,
  )
}

const PLAN = ['trace', '--plan', 'plan.yaml', '--out', 'out']
const runJson = (folder: string, run: string) =>
  JSON.parse(readFileSync(join(folder, 'out', run, 'run.json'), 'utf8')) as RunJson
async function rowsOf(folder: string, run: string, sql: string): Promise<SqlRow[]> {
  const reader = await openRun(join(folder, 'out', run))
  try {
    return await reader.query(sql)
  } finally {
    await reader.close()
  }
}

const ANSWERED = "SELECT request_id FROM requests WHERE status = 'ok' AND phase = 'measured' ORDER BY 1"

/** Requests as the server saw them, in order: when each came, and when the last of its events left. */
async function seen(server: RunningPacedServer) {
  const { requests } = await server.truth()
  return Object.entries(requests)
    .map(([id, { received_ns, last_ns }]) => ({ id, receivedNs: received_ns, lastNs: last_ns ?? received_ns }))
    .sort((a, b) => a.receivedNs - b.receivedNs)
}

test('a run a target: stages and sizes in one order, idle samples around each request; then nothing is left', async () => {
  const folder = planFolder('seed: 11\nsample_ms: 50\npre_roll: 2\npost_roll: 5\nwarmup: 1')
  const done = await layerline(folder, [...PLAN, '--json'], { env: FAKE_SMI })
  expect(done.code, done.stderr).toBe(0)
  const told = JSON.parse(done.stdout) as {
    seed: number
    targets: {
      name: string
      requests: number
      answered: number
      problem: null
      runs: { run: string; report: Report }[]
    }[]
  }
  expect(told).toMatchObject({
    seed: 11,
    targets: ['a10', 'a100'].map((name) => ({
      name,
      requests: 4,
      answered: 4,
      problem: null,
      runs: [{ run: join(folder, 'out', `${name}-1`), report: { offered: { requests: 4, ok: 4, warmup: 1 } } }],
    })),
  })
  expect(readdirSync(join(folder, 'out')).sort()).toEqual(['a10-1', 'a100-1'])
  expect(runJson(folder, 'a10-1').config.plan).toMatchObject({ file: 'plan.yaml', target: 'a10', requests: 4 })

  const orders = []
  for (const [run, server] of [
    ['a10-1', fast],
    ['a100-1', slow],
  ] as const) {
    const rows = await rowsOf(
      folder,
      run,
      'SELECT request_id, prompt_id, stage, size, requested_tokens, repeat, phase FROM requests ORDER BY request_id',
    )
    const [warmup, ...measured] = rows
    expect(warmup).toMatchObject({ request_id: 0, phase: 'warmup', prompt_id: measured[0]?.prompt_id })
    expect(measured.map(({ request_id }) => request_id)).toEqual([1, 2, 3, 4])
    expect(measured.map((r) => [r.prompt_id, r.stage, r.size, r.requested_tokens, r.repeat].join()).sort()).toEqual([
      'd4,decode,4,4,0',
      'd8,decode,8,8,0',
      'p8,prefill,8,1,0',
      'p8,prefill,8,1,1',
    ])
    orders.push(measured.map(({ prompt_id, repeat }) => `${prompt_id} ${repeat}`))
    const requests = await seen(server)
    expect(requests.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4].map((id) => `${run}-${id}`))
    // Each measured request comes 2 periods after the one before it and its 5 at the least, as the server's own clock has it.
    for (const [i, { receivedNs }] of requests.entries()) {
      const idleNs = i === 0 ? 0 : receivedNs - (requests[i - 1]?.lastNs ?? 0)
      if (i > 0) expect(idleNs).toBeGreaterThan((i === 1 ? 2 : 7) * 50e6)
    }
  }
  // Targets can be compared: the same requests at the same place.
  expect(orders[0]).toEqual(orders[1])
  // Seed 11 is one that shuffles.
  expect(orders[0]).not.toEqual(['p8 0', 'p8 1', 'd4 0', 'd8 0'])

  const [idle] = await rowsOf(
    folder,
    'a10-1',
    `SELECT count(*) AS n FROM named_counters c WHERE name = 'power_draw_w' AND NOT EXISTS (
      SELECT 1 FROM requests r WHERE c.t_ns BETWEEN r.sent_ns AND r.end_ns)`,
  )
  // 4 requests with 7 periods around each; a busy machine may miss some.
  expect(idle?.n).toBeGreaterThan(14)
  expect(told.targets[0]?.runs[0]?.report.hardware.energy[0]?.idle_w).not.toBe(null)
  expect(told.targets[1]?.runs[0]?.report.hardware.energy.some(({ scope }) => scope === 'gpu')).toBe(false)

  const whole = await layerline(folder, ['report', 'out'])
  expect(whole.code).toBe(2)
  expect(whole.stderr).toMatch(/out: no run\.json in it.*\n {2}-> it holds runs; name one of them: a10-1, a100-1\n/)

  const again = await layerline(folder, PLAN, { env: FAKE_SMI })
  expect(again.code, again.stderr).toBe(0)
  expect(again.stderr).toContain('all 8 requests were answered before, seed 11')
  expect(again.stdout).toMatch(/^a10-1 +4 +4 /m)
  expect(again.stdout).toMatch(/^a100-1 +4 +4 /m)
  expect(await seen(fast)).toHaveLength(5)
  expect(readdirSync(join(folder, 'out'))).toHaveLength(2)
})

test('goes on where Ctrl-C and where a kill cut it off: each request is answered once', async () => {
  const folder = planFolder('sample_ms: 50\nrepeat: 4')
  const first = startLayerline(folder, PLAN, { env: FAKE_SMI })
  await first.prints('stdout', /^id=.*\n^id=/m)
  process.kill(first.pid, 'SIGINT')
  expect((await first.ended).code, first.stderr()).toBe(130)
  expect(runJson(folder, 'a10-1')).toMatchObject({ state: 'sealed', ended_by: 'signal' })
  const byFirst = await rowsOf(folder, 'a10-1', ANSWERED)
  expect(byFirst.length).toBeGreaterThanOrEqual(2)
  expect(byFirst.length).toBeLessThan(9)

  const second = startLayerline(folder, PLAN, { env: FAKE_SMI })
  await second.prints('stdout', /^id=/m)
  // Read from the run while it is recorded: what is committed outlives the kill.
  await until(async () => (await rowsOf(folder, 'a10-2', ANSWERED)).length > 0)
  process.kill(second.pid, 'SIGKILL')
  expect((await second.ended).signal).toBe('SIGKILL')
  expect(runJson(folder, 'a10-2').state).toBe('recording')

  const third = await layerline(folder, PLAN, { env: FAKE_SMI })
  expect(third.code, third.stderr).toBe(0)
  expect(third.stderr).toMatch(/a10-2: was cut off; sealed/)
  expect(third.stderr).toMatch(/requests answered before/)
  const runs = readdirSync(join(folder, 'out')).sort()
  expect(runs).toEqual(['a10-1', 'a10-2', 'a10-3', 'a100-1'])
  const seeds = new Set(runs.map((run) => runJson(folder, run).seed))
  // Drawn once, and then known from the runs.
  expect(seeds.size).toBe(1)
  expect(runs.map((run) => runJson(folder, run).state)).toEqual(['sealed', 'sealed', 'sealed', 'sealed'])
  const ids = []
  for (const run of ['a10-1', 'a10-2', 'a10-3']) ids.push(...(await rowsOf(folder, run, ANSWERED)))
  expect(ids.map(({ request_id }) => Number(request_id)).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 10 }, (_, i) => i),
  )
  expect(await rowsOf(folder, 'a100-1', ANSWERED)).toHaveLength(10)

  // The existing runs were made by this plan, and by no other.
  writePlan(folder, 'sample_ms: 50\nrepeat: 4\norder: given\nmax_tokens: 3')
  const other = await layerline(folder, PLAN, { env: FAKE_SMI })
  expect(other.code).toBe(2)
  expect(other.stderr).toMatch(/out\/a10-1: made by another plan: order: "random", now "given"; stages: /)
  expect(other.stderr).toContain('-> give another --out, or the plan as it was')
})

test('every target is tried before anything is sent; one that goes away later is left out, and the rest goes on', async () => {
  const passing = await startPacedServer({ paced: { ttft_ms: 20, itl_ms: 5 } })
  const folder = planFolder('sample_ms: 50\npre_roll: 0\npost_roll: 0', [fast.url, passing.url])
  const nothing = planFolder('', [fast.url, 'http://127.0.0.1:9'])
  const refused = await layerline(nothing, PLAN, { env: FAKE_SMI })
  expect(refused.code).toBe(3)
  expect(refused.stderr).toMatch(/^layerline: target a100: http:\/\/127\.0\.0\.1:9.*\n {2}-> /)
  const noGpu = await layerline(nothing, PLAN, { env: { PATH: sessionPath() } })
  expect(noGpu.code).toBe(4)
  expect(noGpu.stderr).toMatch(/^layerline: target a10: .*nvidia-smi/)
  expect(await seen(fast)).toEqual([])
  expect(existsSync(join(nothing, 'out'))).toBe(false)

  const cli = startLayerline(folder, PLAN, { env: FAKE_SMI })
  await cli.prints('stderr', /^a10: 4 requests/m)
  await passing.stop()
  const { code, stdout, stderr } = await cli.ended
  expect(code, stderr).toBe(3)
  expect(stderr).toMatch(/^a100: skipped: /m)
  expect(stdout).toMatch(/^a10-1 +4 +4 /m)
  expect(stdout).toMatch(/^a100: skipped: /m)

  // Its server may come again elsewhere.
  writePlan(folder, 'sample_ms: 50\npre_roll: 0\npost_roll: 0')
  const later = await layerline(folder, PLAN, { env: FAKE_SMI })
  expect(later.code, later.stderr).toBe(0)
  expect(readdirSync(join(folder, 'out')).sort()).toEqual(['a10-1', 'a100-1'])
})

test('what is wrong with a plan is said with its place; what it decides is not taken from flags', async () => {
  const folder = planFolder('sampling_ms: 50')
  const unknown = await layerline(folder, PLAN)
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toBe('layerline: plan.yaml:1:1: unknown key `sampling_ms`\n  -> did you mean `sample_ms`?\n')
  writePlan(folder, '')
  const flag = await layerline(folder, [...PLAN, '--url', fast.url])
  expect(flag.code).toBe(2)
  expect(flag.stderr).toMatch(/^layerline: --url and --plan: .*\n {2}-> .*plan.yaml/)
  expect(existsSync(join(folder, 'out'))).toBe(false)
})

test('a decode stage without an output limit is warned of before anything is sent, with its target and how long it may take', async () => {
  const folder = planFolder('max_tokens: 4')
  // 131,072 tokens at 50 tokens/s each.
  writeFileSync(join(folder, 'decode.csv'), 'id,size,prompt\nd4,4,tell a\nd8,8,tell b\n')
  const limited = await layerline(folder, PLAN, { env: FAKE_SMI })
  expect(limited.code).toBe(0)
  expect(limited.stderr).not.toMatch(/output limit/)
  const open = planFolder('')
  writeFileSync(join(open, 'decode.csv'), 'id,size,prompt\nd4,4,tell a\nd8,8,tell b\n')
  const { code, stderr } = await layerline(open, PLAN, { env: FAKE_SMI })
  expect(code).toBe(0)
  for (const name of ['a10', 'a100']) {
    const at = stderr.search(new RegExp(`${name}: 2 decode prompts .*131,072 tokens each: about 87 min`))
    expect(at).toBeGreaterThanOrEqual(0)
    expect(at).toBeLessThan(stderr.indexOf(' to send at '))
  }
})
