import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { SweepRecord } from '../src/session/sweep/run-sweep.ts'
import { readRunJson } from '../src/store/run-folder.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, sqlRows, startLayerline, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

/** Four answers at once, each 20 + 4 * 20 ms: 40 requests a second. */
const SLOTS = { ttft_ms: 20, itl_ms: 20, slots: 4 }
const CAPACITY = 40

let server: RunningPacedServer
let folder: string

beforeAll(async () => {
  server = await startPacedServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.setDefaults(SLOTS)
  await server.clearTruth()
  folder = tempFolder()
})

const sweep = (...args: string[]) => [
  ...['load', ...args, '--out', 'swept', '--url', server.url, '--endpoint', 'completions', '--gpu', 'none'],
  ...['--input-tokens', '12', '--output-tokens', '5', '--seed', '7'],
]

test('a search finds the capacity of a server with a queue', async () => {
  const { code, stdout, stderr } = await layerline(
    folder,
    sweep(
      ...['--sweep', 'rate=search:30,120', '--slo', 'ttft=250ms', '--attainment', '75%', '--precision', '45%'],
      ...['--duration', '1.5', '--json'],
    ),
  )
  expect(code, stderr).toBe(0)
  const record = JSON.parse(stdout) as SweepRecord
  const { steps, result } = record
  expect(record).toMatchObject({ sweep: 'rate', seed: 7, slo: 'ttft=250ms', search_end: 'bracketed', cut_off: null })
  expect(steps[0]?.level).toBe(30)
  // Below the capacity nothing waits; at half as much again most wait longer than the limit, in so short a step.
  expect(result).toMatchObject({ bracket: 'bracketed', target: 0.75 })
  expect(result?.fails_at).toBeGreaterThan(CAPACITY)
  expect(result?.max_goodput_per_s).toBeLessThan(1.5 * CAPACITY)
  expect(result?.fails_at as number).toBeLessThanOrEqual(1.45 * (result?.highest as number))
  // Nothing is answered faster than that, whatever was asked for.
  for (const { level, achieved_per_s } of steps) {
    expect(achieved_per_s).toBeLessThan(Math.min(level * 1.3, CAPACITY * 1.1))
  }

  // The one figure of the answer is the same in the record, in the table and in the sentence.
  const shown = await layerline(folder, ['report', 'swept'])
  expect(shown.code, shown.stderr).toBe(0)
  const [best] = steps.filter(({ level }) => level === result?.highest).slice(-1)
  expect(best?.offered_per_s).toBeCloseTo(result?.highest ?? 0, 6)
  expect(result?.max_goodput_per_s).toBe(best?.offered_per_s)
  const [, said] = /Max goodput ([\d.]+)\/s/.exec(shown.stdout) ?? []
  expect(Number(said) / (result?.max_goodput_per_s ?? 0)).toBeCloseTo(1, 2)
  const row = shown.stdout.split('\n').find((line) => line.trim().startsWith(`${result?.highest}/s`))
  expect(row).toContain(`${said}/s`)
  expect(JSON.parse((await layerline(folder, ['report', 'swept', '--json'])).stdout)).toEqual(record)

  // Each step is a run of its own, known from its run.json; the record beside them is what was printed.
  expect(JSON.parse(readFileSync(join(folder, 'swept', 'sweep.json'), 'utf8'))).toEqual(record)
  const told = Object.values((await server.truth()).requests)
  expect(told).toHaveLength(steps.reduce((sum, { requests }) => sum + requests, 0))
  for (const [i, step] of steps.entries()) {
    const run = readRunJson(join(folder, 'swept', step.run))
    expect(run).toMatchObject({
      state: 'sealed',
      seed: 7,
      config: { sweep: { axis: 'rate', level: step.level, step: i + 1 } },
    })
    expect(run.plan?.schedule).toMatchObject({ arrival: { process: 'constant', rate: step.level } })
  }
  // Attainment by the rows themselves.
  const failed = steps.find(({ outcome }) => outcome === 'fails')
  const [counted] = await sqlRows(
    folder,
    join('swept', failed?.run ?? ''),
    'SELECT count(*)::INT AS n, (count(*) FILTER (first_token_ns - sent_ns <= 250e6))::INT AS met FROM requests',
  )
  expect(counted?.n).toBe(failed?.requests)
  expect(failed?.slo_attainment?.value).toBeCloseTo((counted?.met as number) / (counted?.n as number), 12)
})

test('a list of concurrencies, shared by workers: a table, other prompts at each step, the same lengths', async () => {
  const { code, stdout, stderr } = await layerline(
    folder,
    sweep(
      ...['--sweep', 'concurrency=2,8', '--slo', 'e2e=150ms', '--attainment', '0.75', '--requests', '40'],
      ...['--workers', '2', '--texts', '--input-tokens', 'uniform:5,20'],
    ),
  )
  expect(code, stderr).toBe(0)
  expect(stderr).toContain('The same seed (7) at each step')
  expect(stderr).toMatch(/^2\/2 8 users: .*40 of 40 requests answered/m)
  // Two are answered at once; eight wait for one of four slots, 100 ms and more.
  expect(stdout.replaceAll('\n', ' ')).toMatch(
    /Highest concurrency 2 users: 75 % of the requests kept e2e=150ms there, which is .* and no longer at 8 users/,
  )
  const { steps } = JSON.parse(readFileSync(join(folder, 'swept', 'sweep.json'), 'utf8')) as SweepRecord
  expect(steps.map(({ outcome }) => outcome)).toEqual(['meets', 'fails'])
  const runs = readdirSync(join(folder, 'swept')).filter((name) => existsSync(join(folder, 'swept', name, 'run.json')))
  expect(runs).toEqual(['01-concurrency-2', '02-concurrency-8'])
  const sent = (run: string) =>
    sqlRows(
      folder,
      join('swept', run),
      'SELECT intended_input_tokens AS n, prompt FROM requests JOIN texts USING (request_id) ORDER BY request_id',
    )
  const [first, second] = [await sent('01-concurrency-2'), await sent('02-concurrency-8')]
  expect(second.map(({ n }) => n)).toEqual(first.map(({ n }) => n))
  expect(new Set([...first, ...second].map(({ prompt }) => JSON.stringify(prompt))).size).toBe(80)
})

test('Ctrl-C seals the step it cuts short, and tells of those before it', async () => {
  const running = startLayerline(folder, sweep('--sweep', 'rate=20,30,40', '--requests', '20'))
  await running.prints('stderr', /^1\/3 /m)
  await until(() => existsSync(join(folder, 'swept', '02-rate-30', 'run.json')))
  running.child.kill('SIGINT')
  const { code, stdout, stderr } = await running.ended
  expect(code, stderr).toBe(130)
  expect(stdout).toMatch(/^ *20\/s +20\/20 /m)
  expect(stdout).toContain('30/s was cut off')
  expect(readRunJson(join(folder, 'swept', '02-rate-30'))).toMatchObject({ state: 'sealed', ended_by: 'signal' })
  expect(existsSync(join(folder, 'swept', '03-rate-40'))).toBe(false)
})

test('what makes no sense is said before anything is sent or made', async () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await layerline(folder, sweep(...args))
    expect(code).toBe(2)
    expect(existsSync(join(folder, 'swept'))).toBe(false)
    return stderr
  }
  expect(await refused('--sweep', 'rate=search')).toMatch(/without --slo.*\n.*-> for example --slo/)
  expect(await refused('--sweep', 'rate=1,2', '--arrival', 'step:5@0s')).toContain('--arrival step:5@0s')
  expect(Object.keys((await server.truth()).requests)).toHaveLength(0)
})
