import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { readRunJson } from '../src/store/run-folder.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, sqlRows, startLayerline, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

vi.setConfig({ testTimeout: 120_000 })

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { itl_ms: 10 } })
})
afterAll(() => server?.stop())

const LOAD = ['load', '--concurrency', '8', '--input-tokens', '10', '--output-tokens', '100', '--duration', '60']

/** Waits until a run has rows, and gives what a query of it says. */
async function recorded(folder: string, query: string, enough: (value: number) => boolean): Promise<number> {
  let value = Number.NaN
  await until(async () => {
    if (!existsSync(join(folder, 'run', 'recorder-0.sock'))) return false
    value = Number(Object.values((await sqlRows(folder, 'run', query))[0] ?? {})[0])
    return enough(value)
  })
  return value
}

/** Every token that the server wrote to its end is in the run, but for requests that the end of the run cut. */
async function expectAllTokens(folder: string): Promise<void> {
  const { requests } = await server.truth()
  const rows = await sqlRows(
    folder,
    'run',
    "SELECT request_id, count(*) FILTER (kind = 'content') AS tokens FROM chunks JOIN requests USING (request_id) WHERE status = 'ok' GROUP BY 1",
  )
  expect(rows.length).toBeGreaterThan(0)
  const truth = new Map(Object.entries(requests).map(([id, { tokens }]) => [Number(id.split('-').at(-1)), tokens]))
  for (const { request_id, tokens } of rows) expect(tokens).toBe(truth.get(Number(request_id)))
}

test('a query that no machine could answer is an answer to its reader; the recording goes on and keeps every token', async () => {
  const folder = tempFolder()
  await server.clearTruth()
  const running = startLayerline(folder, [...LOAD, '--url', server.url, '--model', 'paced', '--out', 'run'])
  const before = await recorded(folder, 'SELECT count(*) AS n FROM chunks', (n) => n > 1000)
  const hungry = 'SELECT count(*) FROM (SELECT DISTINCT a.t_ns + b.t_ns + c.t_ns FROM chunks a, chunks b, chunks c)'
  const many = 'SELECT a.t_ns FROM chunks a, chunks b, chunks c'
  const answers = await Promise.all([
    layerline(folder, ['sql', 'run', hungry]),
    layerline(folder, [
      'sql',
      'run',
      "SELECT string_agg(a.t_ns::VARCHAR || repeat('x', 1000)) FROM chunks a, chunks b",
    ]),
    // As much as fits in 10 M rows is written, then it ends.
    layerline(folder, ['sql', 'run', `${many} LIMIT 5`, '--json']),
  ])
  expect(answers.map(({ code }) => code)).toEqual([2, 2, 0])
  for (const { stderr } of answers.slice(0, 2)) expect(stderr).toMatch(/memory|within \d+ s/)
  const report = await layerline(folder, ['report', 'run', '--json'])
  expect(report.code).toBe(0)
  expect(JSON.parse(report.stdout)).toMatchObject({ run: { state: 'recording' } })
  const after = await recorded(folder, 'SELECT count(*) AS n FROM chunks', () => true)
  expect(after).toBeGreaterThan(before)
  expect(running.child.exitCode).toBeNull()
  running.child.kill('SIGINT')
  expect((await running.ended).code).toBe(130)
  expect(readRunJson(join(folder, 'run'))).toMatchObject({ state: 'sealed', ended_by: 'signal' })
  expect(readRunJson(join(folder, 'run')).layers.chunks?.dropped).toBe(0)
  await expectAllTokens(folder)
  expect(readdirSync(join(folder, 'run')).filter((name) => name.startsWith('.'))).toEqual([])
})

test('a live run of several processes is read as one', async () => {
  const folder = tempFolder()
  await server.clearTruth()
  const rate = ['load', '--rate', '20', '--input-tokens', '10', '--output-tokens', '20', '--duration', '60']
  const running = startLayerline(folder, [
    ...rate,
    ...['--workers', '2', '--url', server.url, '--model', 'paced', '--out', 'run'],
  ])
  const shards = await recorded(folder, 'SELECT count(DISTINCT shard) AS n FROM requests', (n) => n === 2)
  expect(shards).toBe(2)
  running.child.kill('SIGINT')
  await running.ended
  await expectAllTokens(folder)
})
