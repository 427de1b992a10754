import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import type { RunJson } from '../src/trace/run-json.ts'
import type { PartialBehaviour } from './paced-server/behaviour.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, type RunningCli, sqlRows, startLayerline, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer()
})
afterAll(() => server?.stop())

/** Far longer than a test waits. */
const ENDLESS = 100_000
/** What a kill may lose, and as much again for a busy machine between the server's stamp and the client's read. */
const LOSS_NS = 250e6 + 250e6

interface Trace {
  folder: string
  cli: RunningCli
  /** What the server did for the request of an id. */
  truth(requestId: number): Promise<{ sent: number; stamps: number[] }>
}

/** A trace of one row per limit, all in flight at once up to `concurrency`; resolves when the first of them stream. */
async function traceOf(limits: readonly number[], concurrency: number, paced: PartialBehaviour): Promise<Trace> {
  const folder = tempFolder()
  const rows = limits.map((limit, i) => `${i},${limit},${limit},say something\n`).join('')
  writeFileSync(join(folder, 'p.csv'), `id,size,max_tokens,prompt\n${rows}`)
  await server.clearTruth()
  const given = ['trace', '--prompts', 'p.csv', '--url', server.url, '--out', 'run', '--concurrency', `${concurrency}`]
  const cli = startLayerline(folder, [...given, '--body', JSON.stringify({ paced })])
  const truth = async (requestId: number) => {
    const { requests } = await server.truth()
    const told = requests[`run-${requestId}`]
    return { sent: told?.tokens ?? 0, stamps: told?.stamps ?? [] }
  }
  for (let id = 0; id < Math.min(concurrency, limits.length); id++) {
    await until(async () => {
      if (cli.child.exitCode !== null) throw new Error(`ended early: ${cli.stderr()}`)
      return (await truth(id)).sent > 3
    })
  }
  return { folder, cli, truth }
}

const runOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8')) as RunJson
const STATUSES = 'SELECT request_id, status, output_tokens FROM requests ORDER BY request_id'

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s once: nothing new is offered, what can end ends, the rest is cut, sealed, 130',
  async (signal) => {
    const { folder, cli } = await traceOf([25, ENDLESS, 5], 2, { itl_ms: 40 })
    process.kill(cli.pid, signal)
    const { code, stdout, stderr } = await cli.ended
    expect(code, stderr).toBe(130)
    expect(stderr).toContain('stopping: waiting up to 5 s')
    expect(runOf(folder).state).toBe('sealed')
    const [short, endless, ...more] = await sqlRows(folder, 'run', STATUSES)
    expect(short).toEqual({ request_id: 0, status: 'ok', output_tokens: 25 })
    expect(endless).toMatchObject({ request_id: 1, status: 'interrupted' })
    expect(more).toEqual([])
    expect(stdout).toMatch(/^id=0 size=25 lat=\d+\.\d{3}s len=25$/m)
    expect(stdout).toMatch(/^id=1 size=\d+ lat=\d+\.\d{3}s interrupted: /m)
    const [kept] = await sqlRows(folder, 'run', 'SELECT count(*) AS n FROM chunks WHERE request_id = 1')
    // It was given its five seconds.
    expect(kept?.n).toBeGreaterThan(50)
    const report = JSON.parse((await layerline(folder, ['report', 'run', '--json'])).stdout) as Report
    expect(report.offered).toMatchObject({ requests: 2, ok: 1 })
  },
)

test('Ctrl-C twice cuts what is in flight and seals at once', async () => {
  const { folder, cli } = await traceOf([ENDLESS, ENDLESS, 5], 2, { itl_ms: 20 })
  const asked = Date.now()
  process.kill(cli.pid, 'SIGINT')
  await cli.prints('stderr', /stopping: waiting/)
  process.kill(cli.pid, 'SIGINT')
  const { code, stderr } = await cli.ended
  expect(code, stderr).toBe(130)
  expect(stderr).toContain('cutting off')
  const run = runOf(folder)
  expect(run.state).toBe('sealed')
  const rows = await sqlRows(folder, 'run', 'SELECT status, end_ns FROM requests')
  expect(rows.map(({ status }) => status)).toEqual(['interrupted', 'interrupted'])
  // Had it drained, they would have ended 5 s after the first Ctrl-C.
  const endedMs = Math.max(...rows.map(({ end_ns }) => Number(end_ns))) / 1e6 + Number(run.epoch_ns) / 1e6
  expect(endedMs - asked).toBeLessThan(4500)
})

test('kill -9: report names recover, and recover brings back what was committed', async () => {
  const { folder, cli, truth } = await traceOf([10, ENDLESS, ENDLESS], 2, { itl_ms: 10 })
  await until(async () => (await truth(2)).sent > 50)
  const { base_ns } = await server.truth()
  const killedNs = Number(process.hrtime.bigint() - BigInt(base_ns))
  process.kill(cli.pid, 'SIGKILL')
  expect((await cli.ended).signal).toBe('SIGKILL')

  for (const args of [
    ['report', 'run'],
    ['sql', 'run', 'FROM requests'],
  ]) {
    const { code, stderr } = await layerline(folder, args)
    expect(code).toBe(2)
    expect(stderr).toMatch(/its recorder is gone and the run was never sealed\n {2}-> layerline recover run\n/)
  }
  const recovered = await layerline(folder, ['recover', 'run'])
  expect(recovered.code, recovered.stderr).toBe(0)
  expect(recovered.stdout).toMatch(/^recovered run: 3 requests, \d+ chunks/)

  const rows = await sqlRows(folder, 'run', STATUSES)
  expect(rows.map(({ status }) => status)).toEqual(['ok', 'interrupted', 'interrupted'])
  for (const id of [1, 2]) {
    const { stamps } = await truth(id)
    const chunks = await sqlRows(
      folder,
      'run',
      `SELECT "index", t_ns FROM chunks WHERE request_id = ${id} ORDER BY "index"`,
    )
    expect(chunks.map(({ index }) => index)).toEqual(chunks.map((_, i) => i))
    expect(chunks.length).toBeLessThanOrEqual(stamps.length)
    const due = stamps.filter((stamp) => stamp < killedNs - LOSS_NS).length
    expect(chunks.length).toBeGreaterThanOrEqual(due)
    expect(due).toBeGreaterThan(0)
  }
  const run = runOf(folder)
  expect(run.state).toBe('sealed')
  expect(run.verdict.map(({ what }) => what)).toContain('recovered')
  const report = await layerline(folder, ['report', 'run'])
  expect(report.code).toBe(0)
  expect(report.stdout.replaceAll(/\s+/g, ' ')).toContain('recovered what was committed')

  const again = await layerline(folder, ['recover', 'run'])
  expect(again).toMatchObject({ code: 0, stdout: 'run: sealed already, nothing to do\n' })
  expect(await sqlRows(folder, 'run', STATUSES)).toEqual(rows)
})

test('while a trace runs others read it, and recover keeps its hands off', async () => {
  const { folder, cli } = await traceOf([20, ENDLESS], 1, { itl_ms: 10 })
  await cli.prints('stdout', /^id=0 /m)
  const counted = async () =>
    Number((await sqlRows(folder, 'run', 'SELECT count(*) AS n FROM chunks WHERE request_id = 1'))[0]?.n)
  await until(async () => (await counted()) > 0)
  const first = await counted()
  await until(async () => (await counted()) > first)

  const text = await layerline(folder, ['report', 'run'])
  expect(text.code, text.stderr).toBe(0)
  expect(text.stdout).toMatch(/recording/)
  const json = await layerline(folder, ['report', 'run', '--json'])
  const report = JSON.parse(json.stdout) as Report
  expect(report.run.state).toBe('recording')
  expect(report.offered).toMatchObject({ requests: 1, ok: 1 })
  expect(report.tokens.output_tokens).toBe(20)

  const recover = await layerline(folder, ['recover', 'run'])
  expect(recover.code).toBe(2)
  expect(recover.stderr).toContain(`still recording, pid ${cli.pid}`)
  const written = await layerline(folder, ['sql', 'run', 'DROP TABLE chunks'])
  expect(written.code).toBe(2)
  expect(cli.child.exitCode).toBe(null)

  process.kill(cli.pid, 'SIGINT')
  process.kill(cli.pid, 'SIGTERM')
  expect((await cli.ended).code).toBe(130)
  expect(await counted()).toBeGreaterThan(first)
})

test('a signal before anything was offered leaves a sealed run, or none', async () => {
  const folder = tempFolder()
  writeFileSync(join(folder, 'p.csv'), 'prompt\nhello\n')
  const paced = JSON.stringify({ paced: { ttft_ms: 60_000 } })
  const given = ['trace', '--prompts', 'p.csv', '--url', server.url, '--out', 'run', '--body', paced]
  const cli = startLayerline(folder, given)
  await until(() => {
    try {
      return runOf(folder).state === 'recording'
    } catch {
      return false
    }
  }, 5)
  process.kill(cli.pid, 'SIGINT')
  process.kill(cli.pid, 'SIGTERM')
  const { code, stderr } = await cli.ended
  expect(code, stderr).toBe(130)
  expect(runOf(folder).state).toBe('sealed')
  expect((await layerline(folder, ['report', 'run'])).code).toBe(0)
})
