import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { processStart } from '../../../base/process-identity.ts'
import { cacheLayout } from '../install/cache.ts'
import { endProcess } from './end-process.ts'
import { type RunningEngine, runningEngines, stopEngine, writeState } from './running-engines.ts'

let folder = ''
let child: ChildProcess
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'layerline-engines-'))
  child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
})
afterEach(() => {
  child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function state(port: number, fields: Partial<RunningEngine> = {}): RunningEngine {
  const pid = child.pid as number
  const engine: RunningEngine = {
    name: 'llamacpp',
    pid,
    processStart: processStart(pid),
    port,
    url: `http://127.0.0.1:${port}/v1`,
    model: 'm',
    modelPath: '/m.gguf',
    version: '1',
    arguments: [],
    detached: true,
    startedUnixMs: Date.now(),
    log: '/log',
    stepLog: null,
    profiles: null,
    ...fields,
  }
  writeState(cacheLayout(folder), engine)
  return engine
}

it('lists what runs and removes what is gone, of another start, or unreadable', () => {
  const layout = cacheLayout(folder)
  expect(runningEngines(layout)).toEqual([])
  const live = state(9002)
  state(9001, { processStart: '1' })
  state(9003, { pid: 2 ** 22 + 5, processStart: '77' })
  writeFileSync(join(layout.run, 'llamacpp-9004.json'), '{"half":')
  expect(runningEngines(layout)).toEqual([live])
  expect(readdirSync(layout.run)).toEqual(['llamacpp-9002.json'])
})

it('stops by port, and says what runs when nothing does there', async () => {
  state(9002)
  const env = { LAYERLINE_CACHE: folder }
  await expect(stopEngine(9001, env)).rejects.toMatchObject({
    code: 'missing/engine',
    hint: expect.stringContaining('9002'),
  })
  const gone = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  expect(await stopEngine(9002, env)).toMatchObject([{ port: 9002 }])
  expect(await gone).toBe('SIGTERM')
  expect(existsSync(join(cacheLayout(folder).run, 'llamacpp-9002.json'))).toBe(false)
  await expect(stopEngine('llamacpp', env)).rejects.toMatchObject({ code: 'missing/engine' })
})

it('leaves an engine that belongs to another program alone, unless its port is named', async () => {
  state(9002, { detached: false })
  const env = { LAYERLINE_CACHE: folder }
  await expect(stopEngine(undefined, env)).rejects.toMatchObject({ hint: expect.stringContaining('9002') })
  await expect(stopEngine('llamacpp', env)).rejects.toMatchObject({ code: 'missing/engine' })
  expect(await stopEngine(9002, env)).toHaveLength(1)
})

it('never signals a process whose start time differs', async () => {
  await endProcess(child.pid as number, '1')
  expect(child.exitCode ?? child.signalCode).toBeNull()
  expect(processStart(child.pid as number)).not.toBe('')
})

it('uses force where asking does not help', async () => {
  child.kill('SIGKILL')
  child = spawn(process.execPath, [
    '-e',
    'process.on("SIGTERM", () => {}); process.stdout.write("up"); setInterval(() => {}, 1000)',
  ])
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  const gone = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))
  await endProcess(child.pid as number, processStart(child.pid as number), 100)
  expect(await gone).toBe('SIGKILL')
})
