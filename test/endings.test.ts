import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RunJson, runJsonSchema } from '../src/trace/run-json.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, type RunningCli, startLayerline, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

vi.setConfig({ testTimeout: 120_000 })

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { itl_ms: 20 } })
})
afterAll(() => server?.stop())

const ENDLESS = ['--input-tokens', '8', '--output-tokens', '100000', '--gpu', 'none', '--log-every', '60']

/** A load without end, in a folder of its own; resolves when tokens come. */
async function endlessLoad(...more: string[]): Promise<{ folder: string; cli: RunningCli }> {
  const folder = tempFolder()
  await server.clearTruth()
  const given = ['load', '--concurrency', '2', '--requests', '2', ...ENDLESS, '--url', server.url, '--out', 'run']
  const cli = startLayerline(folder, [...given, ...more])
  await until(async () => {
    if (cli.child.exitCode !== null) throw new Error(`ended early: ${cli.stderr()}`)
    const streams = Object.values((await server.truth()).requests)
    return streams.length === 2 && streams.every(({ tokens }) => tokens > 3)
  })
  return { folder, cli }
}

const runOf = (folder: string): RunJson =>
  runJsonSchema.parse(JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8')))

test('a run whose folder is removed ends by itself, with its sentence', async () => {
  const { folder, cli } = await endlessLoad()
  rmSync(join(folder, 'run'), { recursive: true })
  const { code, stderr } = await cli.ended
  expect({ code, named: /run's folder was removed/.test(stderr) }, stderr).toEqual({ code: 4, named: true })
  expect(stderr).not.toContain('internal error')
  expect(readdirSync(folder)).toEqual([])
})

test('workers that are killed fail the run; what they committed is sealed, with a verdict', async () => {
  const { folder, cli } = await endlessLoad('--workers', '2')
  await until(() => runOf(folder).shards.length === 3)
  for (const { pid } of runOf(folder).shards.slice(1)) process.kill(pid, 'SIGKILL')
  const { code, stderr } = await cli.ended
  expect(code, stderr).toBe(5)
  expect(stderr).not.toContain('Warning')
  const { state, ended_by, plan, verdict } = runOf(folder)
  expect({ state, ended_by, lost: plan?.workers_lost }).toEqual({ state: 'sealed', ended_by: 'failure', lost: 2 })
  expect(verdict).toContainEqual(expect.objectContaining({ level: 'bad', what: 'workers' }))
})

test('a run that was killed between its seal and its verdict gets that from recover', async () => {
  const folder = tempFolder()
  writeFileSync(join(folder, 'p.csv'), 'prompt,max_tokens\nhello,4\n')
  const given = ['trace', '--prompts', 'p.csv', '--url', server.url, '--gpu', 'none', '--out', 'run', '--quiet']
  expect(await layerline(folder, given)).toMatchObject({ code: 0 })
  const whole = runOf(folder)
  // As the disk is then: sealed, and not judged.
  writeFileSync(join(folder, 'run', 'run.json'), JSON.stringify({ ...whole, verdict: [] }))
  expect(await layerline(folder, ['recover', 'run'])).toMatchObject({ code: 0, stderr: '' })
  expect(runOf(folder)).toEqual(whole)
  expect((await layerline(folder, ['recover', 'run'])).stdout).toContain('nothing to do')
})

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s before a run is made ends the program with 130',
  async (signal) => {
    const folder = tempFolder()
    // It accepts connections and does not answer: the program waits for the server's list of models.
    const silent = createServer()
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const asked = once(silent, 'connection') as Promise<[Socket]>
    writeFileSync(join(folder, 'p.csv'), 'prompt\nhello\n')
    const given = ['trace', '--prompts', 'p.csv', '--url', `http://127.0.0.1:${port}`, '--out', 'run']
    const cli = startLayerline(folder, given)
    const [socket] = await asked
    process.kill(cli.pid, signal)
    const { code, stderr } = await cli.ended
    socket.destroy()
    silent.close()
    expect(code, stderr).toBe(130)
    expect(readdirSync(folder)).toEqual(['p.csv'])
  },
)
