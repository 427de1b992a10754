import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, startLayerline, until } from './support/cli.ts'
import { needs } from './support/needs.ts'
import { tempFolder } from './support/temp-folder.ts'

needs(process.getuid?.() === 0 ? null : 'bpftrace is asked as root alone: run the tests as root')

let server: RunningPacedServer
let folder = ''
beforeAll(async () => {
  server = await startPacedServer({ paced: { itl_ms: 5 } })
})
afterAll(() => server?.stop())

/** A bpftrace that says nothing and heeds no signal; it notes its process. */
beforeEach(() => {
  folder = tempFolder()
  const path = join(folder, 'bpftrace')
  writeFileSync(path, `#!/bin/sh\necho "$$" >> ${folder}/pids\ntrap "" INT TERM HUP\nwhile :; do sleep 1000; done\n`)
  chmodSync(path, 0o755)
  writeFileSync(join(folder, 'p.csv'), 'prompt\ntell me\n')
})

const started = () =>
  existsSync(join(folder, 'pids')) ? readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n').map(Number) : []
const nobodyLeft = () =>
  vi.waitFor(() => expect(started().filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]), 20_000)
const environment = (timeoutS: number) => ({
  env: { PATH: `${folder}:${process.env.PATH}`, LAYERLINE_BPFTRACE_TIMEOUT_S: String(timeoutS) },
})
const COMMANDS: [string, string[], number][] = [
  ['doctor', ['doctor'], 0],
  ['os list', ['os', 'list'], 0],
  ['os run', ['os', 'run', '--probes', 'sched', '--out', 'run', '--', 'true'], 4],
]
const trace = () => {
  const out = ['--out', 'traced', '--max-tokens', '4', '--gpu', 'none', '--os', String(server.pid)]
  return ['trace', '--prompts', 'p.csv', '--url', server.url, ...out]
}

describe('a bpftrace that says nothing and heeds no signal', () => {
  test.each(COMMANDS)('%s ends by itself, and leaves nobody behind', async (_, args, expected) => {
    const { code, signal, stderr } = await layerline(folder, args, environment(0.5))
    expect({ code, signal }, stderr).toEqual({ code: expected, signal: null })
    expect(started().length).toBeGreaterThan(0)
    await nobodyLeft()
  })

  test('trace --os goes on without it', async () => {
    const { code, stderr } = await layerline(folder, trace(), environment(0.5))
    expect(code, stderr).toBe(0)
    expect(started().length).toBeGreaterThan(0)
    await nobodyLeft()
  })

  test.each(COMMANDS.map(([name, args]) => [name, args] as const))(
    '%s heeds Ctrl-C while it waits',
    async (_, args) => {
      const cli = startLayerline(folder, args, environment(3600))
      await until(() => cli.child.exitCode !== null || started().length > 0)
      cli.child.kill('SIGINT')
      const { code, stderr } = await cli.ended
      expect(code, stderr).toBe(130)
      await nobodyLeft()
    },
  )
})
