import { execFileSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, sqlRows, startLayerline, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { itl_ms: 5 } })
})
afterAll(() => server?.stop())

/** A disk of its own, or why there can be none; it goes with the test. */
function smallDisk(mebibytes: number): string | { reason: string } {
  const folder = tempFolder()
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', disk], { stdio: 'pipe' })
  } catch (error) {
    return { reason: `a small disk cannot be mounted: ${String(error).split('\n')[0]}: run the tests as root` }
  }
  onTestFinished(() => void execFileSync('umount', ['--lazy', disk]))
  return disk
}

/** Takes all the room that is left. */
function fill(disk: string): string {
  const path = join(disk, 'filler')
  const file = openSync(path, 'w')
  const block = Buffer.alloc(1 << 20)
  try {
    for (;;) writeSync(file, block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
  return path
}

function traceArgs(disk: string, tokens: number): string[] {
  const prompts = join(disk, '..', 'p.csv')
  writeFileSync(prompts, 'prompt\ntell me\n')
  return ['trace', '--prompts', prompts, '--url', server.url, '--max-tokens', String(tokens), '--out', 'run']
}

test('a disk too small is an error before the first request', async (context) => {
  const disk = smallDisk(16)
  if (typeof disk !== 'string') return context.skip(disk.reason)
  await server.clearTruth()
  const { code, stdout, stderr } = await layerline(disk, traceArgs(disk, 4))
  expect({ code, stdout }).toEqual({ code: 4, stdout: '' })
  expect(stderr).toMatch(/^layerline: .*\/disk\/run: only \d+ MiB free on its disk\n {2}-> free some space/)
  expect((await server.truth()).requests).toEqual({})
  expect(existsSync(join(disk, 'run', 'run.json'))).toBe(false)
})

test('a disk that fills up ends the run with its sentence; what was recorded can be sealed', async (context) => {
  const disk = smallDisk(400)
  if (typeof disk !== 'string') return context.skip(disk.reason)
  const cli = startLayerline(disk, traceArgs(disk, 120_000))
  const recorded = async () =>
    Number((await sqlRows(disk, 'run', "SELECT count(*) AS n FROM chunks WHERE kind = 'content'"))[0]?.n)
  await until(() => cli.child.exitCode !== null || existsSync(join(disk, 'run', 'recorder-0.sock')))
  await until(async () => cli.child.exitCode !== null || (await recorded()) > 0)
  const before = await recorded()
  const filler = fill(disk)
  expect(statfsSync(disk).bavail).toBe(0)
  const { code, stderr } = await cli.ended
  expect(code, stderr).toBe(4)
  expect(stderr).toMatch(/^layerline: .*no space left on the disk\n {2}-> .*layerline recover/m)
  expect(stderr).not.toContain('internal error')

  rmSync(filler)
  const open = await layerline(disk, ['report', 'run'])
  expect(open.code).toBe(2)
  expect(open.stderr).toContain('layerline recover run')
  const recover = await layerline(disk, ['recover', 'run'])
  expect(recover.code, recover.stderr).toBe(0)
  expect(JSON.parse(readFileSync(join(disk, 'run', 'run.json'), 'utf8'))).toMatchObject({ state: 'sealed' })
  expect(await recorded()).toBeGreaterThanOrEqual(before)
  const [row] = await sqlRows(disk, 'run', 'SELECT status FROM requests')
  expect(row).toEqual({ status: 'interrupted' })
  expect((await layerline(disk, ['report', 'run'])).code).toBe(0)
})

test('a disk that is full when the run is sealed: the same', async (context) => {
  const disk = smallDisk(400)
  if (typeof disk !== 'string') return context.skip(disk.reason)
  // Nothing streams while the disk fills up: the last rows come with the end.
  const paced = JSON.stringify({ paced: { ttft_ms: 60_000 } })
  const cli = startLayerline(disk, [...traceArgs(disk, 4), '--body', paced, '--sample-ms', '60000'])
  await until(() => cli.child.exitCode !== null || existsSync(join(disk, 'run', 'recorder-0.sock')))
  const offered = async () => Number((await sqlRows(disk, 'run', 'SELECT count(*) AS n FROM clocks'))[0]?.n)
  await until(async () => cli.child.exitCode !== null || (await offered()) > 0)
  const filler = fill(disk)
  process.kill(cli.pid, 'SIGINT')
  await cli.prints('stderr', /stopping/)
  process.kill(cli.pid, 'SIGINT')
  const { code, stderr } = await cli.ended
  expect(code, stderr).toBe(4)
  expect(stderr).toMatch(/no space left on the disk\n {2}-> .*layerline recover/)

  rmSync(filler)
  const recover = await layerline(disk, ['recover', 'run'])
  expect(recover.code, recover.stderr).toBe(0)
  const rows = await sqlRows(disk, 'run', 'SELECT status FROM requests')
  expect(rows).toEqual([{ status: 'interrupted' }])
})

test('a disk that is full when a load ends: its own sentence, an end, and a run that recover seals', async (context) => {
  const disk = smallDisk(400)
  if (typeof disk !== 'string') return context.skip(disk.reason)
  const given = ['--requests', '2', '--concurrency', '2', '--input-tokens', '8', '--output-tokens', '100000']
  const cli = startLayerline(disk, ['load', ...given, '--url', server.url, '--gpu', 'none', '--out', 'run'])
  await until(() => cli.child.exitCode !== null || existsSync(join(disk, 'run', 'run.json')))
  await until(async () => Object.values((await server.truth()).requests).some(({ tokens }) => tokens > 3))
  const filler = fill(disk)
  process.kill(cli.pid, 'SIGINT')
  process.kill(cli.pid, 'SIGTERM')
  const { code, stderr } = await cli.ended
  expect(code, stderr).toBe(4)
  expect(stderr).toMatch(/no space left on the disk\n {2}-> .*layerline recover/)
  expect(stderr).not.toContain('internal error')

  rmSync(filler)
  const recover = await layerline(disk, ['recover', 'run'])
  expect(recover.code, recover.stderr).toBe(0)
})
