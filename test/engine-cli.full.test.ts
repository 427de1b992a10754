import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { EngineStatus } from '../src/engines/care/engine.ts'
import { layerline } from './support/cli.ts'
import { useOwnCache } from './support/own-cache.ts'
import { tempFolder } from './support/temp-folder.ts'

const cache = useOwnCache()
const engine = (...args: string[]) =>
  layerline(tempFolder(), ['engine', ...args], { env: { LAYERLINE_CACHE: cache.folder } })

async function listed(): Promise<EngineStatus> {
  const { code, stdout, stderr } = await engine('list', '--json')
  expect(code, stderr).toBe(0)
  const [status] = JSON.parse(stdout) as EngineStatus[]
  if (status === undefined) throw new Error('no engine in the list')
  return status
}

test('an engine that was started runs on, is listed, and ends when told to', async () => {
  expect(await listed()).toMatchObject({ name: 'llamacpp', installed: true, model: { installed: true }, running: [] })
  expect((await engine('list')).stdout).toContain('not running')

  const start = await engine('start', '--port', '0', '--json', '--sequences', '1', '--context-tokens', '256')
  expect(start.code, start.stderr).toBe(0)
  const facts = JSON.parse(start.stdout) as { url: string; port: number; pid: number; model: string }
  const models = await (await fetch(`${facts.url}/models`)).json()
  expect(models).toMatchObject({ data: [{ id: facts.model, max_model_len: 256 }] })
  expect(cache.processes()).toEqual([facts.pid])
  expect(await listed()).toMatchObject({ running: [{ port: facts.port, pid: facts.pid, url: facts.url }] })
  expect((await engine('list', 'llamacpp')).stdout).toContain(`${facts.model} at ${facts.url}, pid ${facts.pid}`)
  const doctor = await layerline(tempFolder(), ['doctor'], { env: { LAYERLINE_CACHE: cache.folder } })
  expect(doctor.stdout).toContain(`running at ${facts.url}`)

  const taken = await engine('start', '--port', String(facts.port))
  expect(taken.code).toBe(2)
  expect(taken.stderr).toMatch(new RegExp(`^layerline: Port ${facts.port} .*in use`, 'm'))
  expect(cache.processes()).toEqual([facts.pid])

  const other = await engine('stop', String(facts.port === 1 ? 2 : 1))
  expect(other.code).toBe(4)
  expect(other.stderr).toContain(`llamacpp on port ${facts.port}`)
  const stop = await engine('stop', String(facts.port))
  expect(stop).toMatchObject({ code: 0, stdout: `stopped llamacpp at ${facts.url} (pid ${facts.pid})\n` })
  expect(cache.processes()).toEqual([])
  expect((await listed()).running).toEqual([])
  const again = await engine('stop')
  expect(again).toMatchObject({ code: 0, stdout: 'no engine was running\n', stderr: '' })
  expect((await engine('stop', String(facts.port))).code).toBe(0)
  expect((await engine('stop', 'lamacpp')).code).toBe(2)
})

test("a port that another program has is that program's", async () => {
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const { code, stdout, stderr } = await engine('start', '--port', String(port))
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use by another program`)
  expect(cache.processes()).toEqual([])
})

test('a model that is none has its sentence', async () => {
  const folder = tempFolder()
  const path = join(folder, 'model.gguf')
  const missing = await engine('start', '--port', '0', '--model', path)
  expect(missing.code).toBe(2)
  expect(missing.stderr).toContain(path)
  writeFileSync(path, 'this is no model')
  const wrong = await engine('start', '--port', '0', '--model', path)
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toMatch(/model\.gguf.*GGUF/)
  expect(cache.processes()).toEqual([])
})

test('install says what is there', async () => {
  const { code, stdout, stderr } = await engine('install')
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/^installed: .*\nmodel: .*\.gguf\n$/)
})
