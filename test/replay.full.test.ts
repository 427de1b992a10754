import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import { readRunJson } from '../src/store/run-folder.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { type CliOptions, layerline, sqlRows, startLayerline, until } from './support/cli.ts'
import { sharedFolder } from './support/shared-cases.ts'
import { tempFolder } from './support/temp-folder.ts'

let server: RunningPacedServer
let folder: string

beforeAll(async () => {
  server = await startPacedServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.setDefaults({ ttft_ms: 20, itl_ms: 2 })
  await forget()
  folder = tempFolder()
})

async function forget(): Promise<void> {
  await server.clearTruth()
  await fetch(`${server.url}/requests`, { method: 'DELETE' })
}

/** Completions asked for since `forget`; past 200 the oldest are not counted. */
async function asked(): Promise<number> {
  return (await server.requests()).filter(({ path }) => path.endsWith('/completions')).length
}

/** A trace of our own: a request every `ms`, of `input` and `output` tokens. */
function writeTrace(count: number, ms: number, input = 30, output = 4): string {
  const path = join(folder, 'trace.csv')
  const rows = Array.from({ length: count }, (_, i) => `${(i * ms) / 1000},${input + (i % 5)},${output}`)
  writeFileSync(path, `ts,in,out\n${rows.join('\n')}\n`)
  return path
}

const common = () => ['--url', server.url, '--endpoint', 'completions', '--gpu', 'none']
const traced = (path: string) => [
  '--trace',
  path,
  '--format',
  'table',
  '--map',
  'ts=ts,in=in,out=out',
  '--time-unit',
  's',
]

async function reported(command: 'replay' | 'load', args: readonly string[], options: CliOptions = {}) {
  const out = join(folder, `run-${Math.random().toString(36).slice(2)}`)
  const { code, stdout, stderr } = await layerline(
    folder,
    [command, ...args, ...common(), '--json', '--out', out],
    options,
  )
  expect(stderr).not.toContain('internal error')
  return { code, report: JSON.parse(stdout) as Report, out, stderr }
}

const line = (report: Report, what: string) => report.verdict.find((each) => each.what === what)

describe('replay', () => {
  test("keeps a trace's times over the speed-up, its lengths and its order", async () => {
    const shared = sharedFolder()
    const sample = shared === null ? AZURE : readFileSync(join(shared, 'data/workloads/azure2023_code.csv'), 'utf8')
    const path = join(folder, 'azure.csv')
    writeFileSync(path, sample.split('\r\n').slice(0, 41).join('\r\n'))
    const { report, out, code } = await reported('replay', ['--trace', path, '--speedup', '40'])
    expect(code).toBe(0)
    expect(report.run).toMatchObject({ loop: 'open', planned_requests: 40, plan: { speedup: 40, workers: 1 } })
    expect(report.run.plan?.schedule).toMatchObject({ format: 'azure' })
    const rows = await sqlRows(folder, out, 'SELECT * FROM requests ORDER BY request_id')
    const told = Object.values((await server.truth()).requests)
    // The file read by other code: seven digits of a second, one line per request.
    const wanted = readFileSync(path, 'utf8')
      .trim()
      .split('\r\n')
      .slice(1)
      .map((text) => /^\S+ (\d+):(\d+):([\d.]+),(\d+),(\d+)$/.exec(text.trim())!.slice(1).map(Number) as number[])
    const seconds = wanted.map(([h = 0, m = 0, s = 0]) => h * 3600 + m * 60 + s)
    const zero = (rows[0]?.scheduled_ns as number) - ((seconds[0] as number) * 1e9) / 40
    expect(rows).toHaveLength(40)
    for (const [i, row] of rows.entries()) {
      expect((row.scheduled_ns as number) - zero).toBeCloseTo(((seconds[i] as number) * 1e9) / 40, -3)
      expect(row.intended_input_tokens).toBe(wanted[i]?.[3])
      expect(row.requested_tokens).toBe(wanted[i]?.[4])
      expect(row.output_tokens).toBe(wanted[i]?.[4])
      expect(row.sent_ns as number).toBeGreaterThanOrEqual(row.scheduled_ns as number)
    }
    expect(told.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(wanted.reduce((sum, row) => sum + (row[4] ?? 0), 0))
  })

  test('a ceiling is named in the verdict, with what it held back', async () => {
    await server.setDefaults({ ttft_ms: 200 })
    const { report } = await reported('replay', [...traced(writeTrace(30, 10)), '--concurrency', '3'])
    expect(report.offered.concurrency?.max).toBe(3)
    expect(report.offered.held.requests).toBeGreaterThanOrEqual(25)
    expect(line(report, 'ceiling')).toMatchObject({ level: 'bad', text: expect.stringContaining('ceiling of 3') })
    // What was held is in the latency from when it was due, and not in the client's own lateness.
    expect(report.latency.due_e2e_ms?.max).toBeGreaterThan(1500)
    expect(report.latency.e2e_ms?.max).toBeLessThan(1500)
  })

  test('a full server: refusals are counted as such; with --retries they are asked again when it says', async () => {
    await server.setDefaults({ status: 429, retry_after: '1' })
    const trace = traced(writeTrace(10, 5))
    const refused = await reported('replay', trace)
    expect(refused.code).toBe(1)
    expect(refused.report.offered).toMatchObject({ requests: 10, ok: 0, refused_busy: 10 })
    expect(refused.report.failures.kinds[0]).toMatchObject({ status: 'http_error', http_status: 429 })
    expect(refused.report.failures.kinds[0]?.error).toContain('Retry-After')
    expect(line(refused.report, 'full')?.text).toContain('10 requests refused as full')
    expect(refused.report.latency.ttft_ms).toBeNull()

    await forget()
    const again = startLayerline(folder, [
      'replay',
      ...trace,
      ...common(),
      '--retries',
      '5',
      '--out',
      'again',
      '--json',
    ])
    await until(async () => again.child.exitCode !== null || (await asked()) >= 20)
    await server.setDefaults({})
    const { code, stdout, stderr } = await again.ended
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const report = JSON.parse(stdout) as Report
    expect(report.offered).toMatchObject({ requests: 10, ok: 10, refused_busy: 0 })
    expect(report.offered.retries).toBeGreaterThanOrEqual(10)
  })

  test('resets are failures in the denominators and in no latency', async () => {
    await server.setDefaults({ fault: 'rst', fault_after: 1, tokens: 4 })
    const { report, code } = await reported('replay', traced(writeTrace(12, 5)))
    expect(code).toBe(1)
    expect(report.offered).toMatchObject({ requests: 12, ok: 0 })
    expect(report.latency.e2e_ms).toBeNull()
    expect(line(report, 'failures')?.level).toBe('bad')
  })

  test('Ctrl-C while an unsorted trace is sorted leaves no copy of it behind', async () => {
    const path = join(folder, 'trace.csv')
    const rows = Array.from({ length: 300_000 }, (_, i) => `${(i * 7_919) % 300_000},30,4`)
    writeFileSync(path, `ts,in,out\n${rows.join('\n')}\n`)
    const temporary = join(folder, 'tmp')
    mkdirSync(temporary)
    const copies = () => readdirSync(temporary).filter((name) => name.startsWith('layerline-trace-'))
    const running = startLayerline(folder, ['replay', ...traced(path), ...common(), '--out', 'run'], {
      env: { TMPDIR: temporary },
    })
    await until(() => copies().length > 0)
    running.child.kill('SIGINT')
    await running.ended
    expect(copies()).toEqual([])
  })

  test('Ctrl-C seals; --resume goes on where it was, and together they are the whole schedule', async () => {
    const trace = traced(writeTrace(400, 20))
    const first = startLayerline(folder, ['replay', ...trace, ...common(), '--out', 'first'])
    await until(async () => (await asked()) > 20)
    first.child.kill('SIGINT')
    expect((await first.ended).code).toBe(130)
    expect(readRunJson(join(folder, 'first'))).toMatchObject({ state: 'sealed', ended_by: 'signal' })
    const other = await layerline(folder, [
      'replay',
      ...traced(writeTrace(400, 20)),
      '--limit',
      '9',
      ...common(),
      '--resume',
      'first',
    ])
    expect(other.code).toBe(2)
    expect(other.stderr).toContain('--resume first')
    const second = await layerline(folder, [
      ...['replay', ...trace, ...common(), '--speedup', '20', '--resume', 'first', '--out', 'second'],
    ])
    expect(second.code).toBe(0)
    expect(second.stderr).toMatch(/first .*at request \d+/)
    const ids = async (run: string) =>
      (await sqlRows(folder, run, "SELECT request_id FROM requests WHERE status <> 'not_sent'")).map(
        (row) => row.request_id as number,
      )
    const all = [...(await ids('first')), ...(await ids('second'))].sort((a, b) => a - b)
    expect(all).toEqual(Array.from({ length: 400 }, (_, i) => i))
    expect(readRunJson(join(folder, 'second')).plan).toMatchObject({ resumed_from: 'first' })
  })
})

describe('workers', () => {
  const LOAD = [
    '--rate',
    '60',
    '--requests',
    '120',
    '--seed',
    '5',
    '--input-tokens',
    'uniform:4,40',
    '--output-tokens',
    'uniform:1,6',
  ]
  const REQUESTS =
    'SELECT request_id, intended_input_tokens, requested_tokens, scheduled_ns - (SELECT min(scheduled_ns) FROM requests) AS due FROM requests ORDER BY request_id'

  test('offer exactly what one process offers, as one run', async () => {
    const one = await reported('load', [...LOAD, '--texts'])
    const three = await reported('load', [...LOAD, '--texts', '--workers', '3', '--max-in-flight', '60'])
    const [alone, shared] = [await sqlRows(folder, one.out, REQUESTS), await sqlRows(folder, three.out, REQUESTS)]
    const rounded = (rows: typeof alone) => rows.map((row) => ({ ...row, due: Math.round((row.due as number) / 1000) }))
    expect(rounded(shared)).toEqual(rounded(alone))
    const prompts = 'SELECT request_id, prompt FROM texts ORDER BY request_id'
    expect(await sqlRows(folder, three.out, prompts)).toEqual(await sqlRows(folder, one.out, prompts))
    const shards = await sqlRows(
      folder,
      three.out,
      'SELECT shard, count(*) AS n FROM requests GROUP BY shard ORDER BY shard',
    )
    expect(shards.map(({ n }) => n)).toEqual([40, 40, 40])
    expect(three.report).toMatchObject({
      offered: { requests: 120, ok: 120 },
      run: { plan: { workers: 3, workers_lost: 0 } },
    })
  })

  test('one that is killed leaves a run that says so, and the others go on; all killed: recover', async () => {
    const args = ['load', '--rate', '50', '--duration', '6', '--workers', '2', ...common(), '--quiet']
    const limping = startLayerline(folder, [...args, '--out', 'limping', '--json'])
    await until(async () => (await asked()) > 20)
    process.kill(readRunJson(join(folder, 'limping')).shards[1]?.pid as number, 'SIGKILL')
    const { stdout, code } = await limping.ended
    expect(code).toBe(0)
    const report = JSON.parse(stdout) as Report
    expect(report.run.plan).toMatchObject({ workers: 2, workers_lost: 1 })
    expect(line(report, 'workers')?.level).toBe('bad')
    const counts = await sqlRows(
      folder,
      'limping',
      'SELECT shard, count(*)::INT AS n FROM requests GROUP BY shard ORDER BY shard',
    )
    expect(counts[0]?.n as number).toBeGreaterThan(0)
    expect(counts[1]?.n as number).toBeGreaterThan(counts[0]?.n as number)

    await forget()
    const dying = startLayerline(folder, [...args, '--out', 'dying'])
    await until(async () => (await asked()) > 60)
    const { shards } = readRunJson(join(folder, 'dying'))
    expect(shards).toHaveLength(3)
    for (const { pid } of shards) process.kill(pid, 'SIGKILL')
    await dying.ended
    const recovered = await layerline(folder, ['recover', 'dying'])
    expect(recovered.code).toBe(0)
    expect(readRunJson(join(folder, 'dying'))).toMatchObject({ state: 'sealed', ended_by: 'crash' })
    const [kept] = await sqlRows(
      folder,
      'dying',
      'SELECT count(*)::INT AS n, count(DISTINCT shard)::INT AS shards FROM requests',
    )
    expect(kept?.n as number).toBeGreaterThan(20)
    expect(kept?.shards).toBe(2)
  })
})

test('a closed loop of users begins in turn, keeps its number, and ends after its time', async () => {
  await server.setDefaults({ ttft_ms: 50 })
  const { report, out } = await reported('load', [
    ...['--concurrency', '4', '--ramp-up', '1', '--duration', '2.5', '--input-tokens', '16', '--output-tokens', '3'],
  ])
  expect(report.run).toMatchObject({ loop: 'closed', plan: { max_in_flight: 4 } })
  expect(report.offered.concurrency?.max).toBe(4)
  const [times] = await sqlRows(folder, out, 'SELECT max(scheduled_ns) - min(scheduled_ns) AS ns FROM requests')
  expect(times?.ns as number).toBeLessThan(2.6e9)
  const early = await sqlRows(
    folder,
    out,
    'SELECT count(*)::INT AS n FROM requests WHERE scheduled_ns < (SELECT min(scheduled_ns) FROM requests) + 240e6',
  )
  // Until the second user comes, the first has had no more than one answer in 50 ms.
  expect(early[0]?.n as number).toBeLessThanOrEqual(5)
})

const AZURE = `TIMESTAMP,ContextTokens,GeneratedTokens\r\n${Array.from(
  { length: 40 },
  (_, i) => `2023-11-16 18:17:${String(3 + i).padStart(2, '0')}.97996${i % 10}0,${100 + i},${1 + (i % 9)}`,
).join('\r\n')}`
