import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

let server: RunningPacedServer
let folder: string

beforeAll(async () => {
  server = await startPacedServer()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.clearTruth()
  folder = tempFolder()
})

async function reportOf(...args: string[]): Promise<Report> {
  const { code, stderr } = await layerline(folder, [
    ...['load', '--out', 'run', '--url', server.url, '--endpoint', 'completions', '--gpu', 'none', '--seed', '7'],
    ...['--input-tokens', '12', '--output-tokens', '5', '--quiet', ...args],
  ])
  expect(code, stderr).toBe(0)
  return JSON.parse((await layerline(folder, ['report', 'run', '--json'])).stdout) as Report
}

const lineOf = ({ verdict }: Report, what: string) => verdict.find((line) => line.what === what)?.level

test('a server that answers 2 a second and is offered 6 is overloaded, since the start, and sustains 2', async () => {
  await server.setDefaults({ ttft_ms: 100, itl_ms: 100, slots: 1 })
  const report = await reportOf('--rate', '6', '--arrival', 'constant', '--duration', '6')
  expect(report.backlog).toMatchObject({ state: 'overloaded', loop: 'open' })
  expect(report.backlog?.ready_per_s).toBeCloseTo(6, 0)
  expect(report.backlog?.sustained_per_s?.value).toBeGreaterThan(1.8)
  expect(report.backlog?.sustained_per_s?.value).toBeLessThan(2.2)
  expect(report.backlog?.since_s).toBeLessThan(1.5)
  // 36 were offered in 6 s, 12 answered.
  expect(report.backlog?.backlog).toBeGreaterThan(18)
  expect(report.backlog?.backlog).toBeLessThan(26)
  expect(lineOf(report, 'server')).toBe('bad')
  expect(report.assessments?.server).toMatchObject({ state: 'limits', evidence: ['server'] })
  // What the server itself counted.
  expect(Object.keys((await server.truth()).requests)).toHaveLength(report.offered.requests)
})

test('a server that is offered six tenths of what it can do keeps up', async () => {
  await server.setDefaults({ ttft_ms: 50, itl_ms: 50, slots: 2 })
  const report = await reportOf('--rate', '4.8', '--arrival', 'constant', '--duration', '6')
  expect(report.backlog).toMatchObject({ state: 'kept_up', since_s: null, sustained_per_s: null })
  expect(['bad', 'warn']).not.toContain(lineOf(report, 'server'))
})

test('users that wait for a slot saturate a server, users that find one do not', async () => {
  await server.setDefaults({ ttft_ms: 20, itl_ms: 20, slots: 2 })
  const saturated = await reportOf('--concurrency', '6', '--requests', '60')
  expect(saturated.backlog).toMatchObject({ state: 'saturated', loop: 'closed' })
  // Four of six wait.
  expect(saturated.backlog?.waiting_share).toBeGreaterThan(0.5)
  expect(saturated.backlog?.waiting_share).toBeLessThan(0.75)
  folder = tempFolder()
  const free = await reportOf('--concurrency', '2', '--requests', '30')
  // Where the machine is busy two users may wait for a moment: then it is left open, and never saturated.
  expect(['kept_up', 'undecided']).toContain(free.backlog?.state)
})
