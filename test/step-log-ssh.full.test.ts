import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { prepareRemoteStepLog } from '../src/sources/engine/step-log/remote-step-log.ts'
import { parseSshFolder } from '../src/sources/ssh/ssh-folder.ts'
import { memoryContext, until } from './support/memory-context.ts'
import { needs } from './support/needs.ts'
import { noSshd, sessionPath, startSshd, type TestSshd } from './support/sshd.ts'
import { tempFolder } from './support/temp-folder.ts'

let host: TestSshd | undefined
afterEach(() => host?.stop())

async function remote(path: string) {
  host = await startSshd({ PATH: sessionPath() })
  const folder = parseSshFolder(`ssh://${host.user}@127.0.0.1:${host.port}${path}`, '--step-log', {
    configPath: host.configPath,
  })
  if (folder === null) throw new Error('no address')
  return folder
}

/** A log of an engine whose system's clock is off what its head says by `driftMs`, as its own lines tell. */
function logIn(folder: string, driftMs: number) {
  const file = join(folder, 'steps-7.jsonl')
  const headUnixNs = BigInt(Date.now()) * 1_000_000n - 60_000_000_000n
  const head = {
    layerline_step_log: 1,
    pid: 7,
    monotonic_ns: '5',
    unix_ns: String(headUnixNs),
    scheduler: 'vllm.S',
    async_scheduling: false,
  }
  const line = (value: object) => appendFileSync(file, `${JSON.stringify(value)}\n`)
  writeFileSync(file, `${JSON.stringify(head)}\n`)
  const sinceHead = (unixMs: number) => unixMs * 1e6 - Number(headUnixNs / 1_000_000n) * 1e6 - driftMs * 1e6
  return {
    line,
    sinceHead,
    clock: () => line({ m: sinceHead(Date.now()), u: String(BigInt(Date.now()) * 1_000_000n) }),
  }
}

describe('the step log of another machine', () => {
  needs(noSshd)

  it('is followed while it grows, its times through clocks that were measured', async () => {
    const path = join(tempFolder(), "steps' log")
    mkdirSync(path)
    const log = logIn(path, 2500)
    log.clock()
    log.line({ n: 0, a: 0, b: 1, new: [[0, 'cmpl-run-4-0-a1b2c3d4', 3, 0]], r: [[0, 3, 0]] })
    log.line({ e: 0, a: 2, b: 3, o: [[0, 1]] })
    const source = await prepareRemoteStepLog(await remote(path))
    const memory = memoryContext()
    await source.start(memory.context)
    const beganMs = Date.now() + 50
    for (let i = 1; i <= 3; i++) {
      const at = log.sinceHead(beganMs + i * 10)
      log.line({ n: i, a: at, b: at + 1, r: [[0, 1, 2 + i]] })
      log.line({ e: i, a: at + 4e6, b: at + 5e6, o: [[0, 1]] })
    }
    expect(await until(() => memory.gaps().length === 6)).toBe(true)
    await source.stop()
    expect([source.problem, memory.notes]).toEqual([null, []])
    // The step from before the run is not its own. The host is this one, so both clocks are the same.
    const steps = memory.gaps().filter(({ category }) => category === 'scheduled')
    expect(steps.map(({ request_id, name, dur_ns }) => [request_id, name, Math.round(dur_ns / 1e6)])).toEqual(
      [1, 2, 3].map(() => [4, 'decode', 4]),
    )
    const [fix] = memory.clocks()
    const doubtS = ((fix?.uncertainty_ns ?? 0) + memory.context.unixOffset().uncertaintyNs) / 1e9 + 0.0015
    steps.forEach(({ t_ns }, i) => {
      expect(Math.abs(memory.unixS(t_ns) - (beganMs + (i + 1) * 10) / 1000)).toBeLessThan(doubtS)
    })
    expect(memory.tracks().map(({ clock }) => clock)).toEqual([fix?.clock, fix?.clock])
    expect(memory.declared).toEqual([fix?.clock])
    expect(memory.hosts).toHaveLength(1)
  })

  it('goes on where it was when its connection was lost', async () => {
    const path = tempFolder()
    const log = logIn(path, 0)
    log.line({ n: 0, a: 0, b: 1, new: [[0, 'cmpl-run-4-0-a1b2c3d4', 3, 0]], r: [[0, 3, 0]] })
    const source = await prepareRemoteStepLog(await remote(path))
    const memory = memoryContext()
    await source.start(memory.context)
    const beganMs = Date.now() + 50
    const step = (n: number) => {
      const at = log.sinceHead(beganMs + n * 10)
      log.line({ n, a: at, b: at + 1, r: [[0, 1, 2 + n]] })
      log.line({ e: n, a: at + 4e6, b: at + 5e6, o: [[0, 1]] })
    }
    const steps = () => memory.gaps().filter(({ category }) => category === 'scheduled')
    step(1)
    expect(await until(() => steps().length === 1)).toBe(true)
    host?.killSessions()
    step(2)
    expect(await until(() => memory.notes.length > 0)).toBe(true)
    step(3)
    expect(await until(() => steps().length === 3)).toBe(true)
    step(4)
    await source.stop()
    expect(source.problem).toBeNull()
    expect(memory.notes[0]).toMatch(/^step log: .*; connecting again in 0.5 s$/)
    const places = steps().map(({ t_ns }) => Math.round((memory.unixS(t_ns) * 1000 - beganMs) / 10))
    expect(places).toEqual([1, 2, 3, 4])
    // Each connection measures the clock for itself, which is one.
    expect(memory.clocks().length).toBeGreaterThanOrEqual(2)
    expect(new Set(memory.clocks().map(({ clock }) => clock)).size).toBe(1)
  })

  it('says when its connection is lost for good, and when there is none', async () => {
    const path = tempFolder()
    logIn(path, 0)
    const folder = await remote(path)
    const source = await prepareRemoteStepLog(folder)
    const memory = memoryContext()
    await source.start(memory.context)
    await host?.stop()
    expect(await until(() => memory.notes.length > 1)).toBe(true)
    await source.stop()
    expect(source.problem).toMatch(/^step log: .*; later steps are missing$/)
    const restarted = await remote(path)
    await expect(prepareRemoteStepLog({ ...restarted, path: tempFolder() })).rejects.toMatchObject({
      code: 'input/step-log',
    })
    await expect(prepareRemoteStepLog({ ...restarted, path: '/no/such' })).rejects.toMatchObject({
      code: 'input/ssh-folder',
    })
  })
})
