import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { LayerlineError } from '../src/base/errors.ts'
import { prepareSshSmi } from '../src/sources/gpu/smi/ssh-smi.ts'
import type { PreparedSource } from '../src/sources/source.ts'
import { parseSshTarget, type SshTarget } from '../src/sources/ssh/ssh-target.ts'
import { memoryContext, until } from './support/memory-context.ts'
import { needs } from './support/needs.ts'
import { clientConfig, freePort, noSshd, sessionPath, startSshd, type TestSshd } from './support/sshd.ts'

const FAKE = join(import.meta.dirname, 'fake-nvidia-smi')
const open: { stop(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.stop()
})

async function sshd(env: Record<string, string> = {}): Promise<TestSshd> {
  const server = await startSshd({ PATH: sessionPath(FAKE), ...env })
  open.push(server)
  return server
}

function targetOf(server: TestSshd, more: Partial<SshTarget> = {}): SshTarget {
  const settings = { configPath: server.configPath }
  const target = parseSshTarget(`ssh://${server.user}@127.0.0.1:${server.port}`, settings, (why) => new Error(why))
  return { ...target, ...more }
}

async function prepared(server: TestSshd, periodMs: number, gpus: string[] = []): Promise<PreparedSource> {
  const source = await prepareSshSmi(targetOf(server), { periodMs, gpus })
  open.push(source)
  return source
}

/** Processes of the fake that sample with this period, which no other test uses. */
function samplers(periodMs: number): number {
  const all = spawnSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).stdout.split('\n')
  return all.filter((line) => line.includes('main.mjs') && new RegExp(`--loop-ms=${periodMs}\\b`).test(line)).length
}

/** A server whose child has worked for a second when it says its port; both end with its input. */
const ENGINE = `const { spawn } = require('node:child_process')
const child = spawn(process.execPath, ['-e', 'process.on("disconnect", () => process.exit()); setInterval(() => { const end = Date.now() + 50; while (Date.now() < end); }, 0)'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
const server = require('node:net').createServer().listen(0, '127.0.0.1', () => setTimeout(() => console.log(server.address().port), 1000))
process.stdin.on('end', () => { child.kill(); process.exit() }).resume()`

/** The formulas of the fake's README. */
const meanPower = (index: number, s: number): number =>
  200 + 20 * index + (1000 / Math.PI) * (Math.cos((2 * Math.PI * (s - 1)) / 20) - Math.cos((2 * Math.PI * s) / 20))

describe('GPU samples over ssh', () => {
  needs(noSshd)

  it('come at their true times, from a host whose clock is two hours off and has no zone', async () => {
    const server = await sshd()
    const source = await prepared(server, 25)
    const run = memoryContext()
    await source.start(run.context)
    const began = run.context.clock.now()
    expect(await until(() => run.context.clock.now() - began > 2.5e9)).toBe(true)
    await source.stop()

    const local = run.clocks().filter(({ clock }) => clock.endsWith('local time'))
    expect(local.length).toBeGreaterThan(0)
    const { offsetNs, uncertaintyNs } = run.context.unixOffset()
    for (const row of local) {
      expect(Math.abs(row.offset_ns - 7200e9 - offsetNs)).toBeLessThan(row.uncertainty_ns + uncertaintyNs)
      // A loopback: much wider and the zone would hide in it.
      expect(row.uncertainty_ns).toBeLessThan(20e6)
    }
    expect(run.declared).toContain(local[0]?.clock)

    for (const index of [0, 1]) {
      const power = run.of('power_draw_average_w', `${index} GPU-`)
      expect(power.length).toBeGreaterThan(60)
      for (const { t_ns, value } of power) {
        // The sensor holds each value for 100 ms; a stamp has whole ms.
        const unixS = run.unixS(t_ns)
        const held = [-0.002, 0, 0.002].map((d) => meanPower(index, Math.floor((unixS + d) * 10 + 1e-6) / 10))
        expect(Math.min(...held.map((each) => Math.abs(each - (value ?? 0))))).toBeLessThan(0.006)
      }
    }
    expect(run.of('power_draw_instant_w', '1 ').every(({ value }) => value === null)).toBe(true)
    expect(run.of('power_limit_w', '0 ').every(({ value }) => value === 350)).toBe(true)
    expect(run.of('power_limit_w', '1 ').every(({ value }) => value === null)).toBe(true)
    expect(run.of('sm_clock_hz', '0 ')[0]?.value).toBe(1695e6)
    expect(run.of('memory_total_bytes', '0 ')[0]?.value).toBe(24564 * 2 ** 20)
    const track = run.tracks().find(({ name, device }) => name === 'power_draw_w' && device?.startsWith('0 '))
    expect(track).toMatchObject({ layer: 'gpu', device: expect.stringMatching(/^0 GPU-\S+ NVIDIA Fake A10$/) })
    const attrs = JSON.parse(track?.attrs ?? '{}')
    expect(attrs).toMatchObject({ field: 'power.draw', window_ns: 1e9, driver: '570.133.20' })
    // The sensor looks every 100 ms, seen to one sample.
    expect(Math.abs(attrs.update_period_ns - 100e6)).toBeLessThan(26e6)
    expect(run.outages()).toEqual([])
  })

  it('bring the machine that they come from, and the engine there with its children', async () => {
    const server = await sshd()
    const engine = spawn(process.execPath, ['-e', ENGINE], { stdio: ['pipe', 'pipe', 'inherit'] })
    open.push({ stop: () => new Promise((resolve) => engine.once('exit', resolve).stdin.end()) })
    const [port] = (await once(engine.stdout, 'data')) as [Buffer]
    const source = await prepareSshSmi(targetOf(server), { periodMs: 50, gpus: ['1'], serverPort: Number(port) })
    open.push(source)
    const run = memoryContext()
    await source.start(run.context)
    expect(await until(() => run.of('cpu_busy_ratio').length > 5)).toBe(true)
    await source.stop()
    const machine = run.tracks().filter(({ layer }) => String(layer) === 'host')
    expect(machine.map(({ name }) => name)).toContain('memory_available_bytes')
    for (const { attrs, clock } of machine) {
      expect(JSON.parse(attrs ?? '{}').role).toBe('remote')
      expect(clock).toMatch(/ unix$/)
    }
    expect(run.hosts).toMatchObject([{ driver: '570.133.20', cores: expect.any(Number) }])
    const [cores] = run.tracks().filter(({ name }) => name === 'cpu_cores')
    expect(cores?.process).toBe(`${engine.pid} node`)
    expect(JSON.parse(cores?.attrs ?? '{}')).toMatchObject({
      of: 'engine',
      source: `/proc/${engine.pid}/stat utime+stime`,
    })
    // Two programs of Node, one of which works without a pause; its past is not counted into the first samples.
    const used = run.of('cpu_cores').map(({ value }) => value ?? 0)
    expect(Math.max(...used)).toBeGreaterThan(0.05)
    expect(Math.max(...used)).toBeLessThan(availableParallelism() + 1)
    expect(Math.min(...run.of('rss_bytes').map(({ value }) => value ?? 0))).toBeGreaterThan(60e6)

    const memory = run.of('memory_available_bytes').map(({ value }) => value ?? 0)
    expect(Math.min(...memory)).toBeGreaterThan(1e6)
    expect(Math.max(...memory)).toBeLessThan(run.hosts[0]?.memory_bytes ?? 0)
    // Only the GPU that was selected.
    expect(run.tracks().filter(({ name }) => name === 'pstate')).toHaveLength(1)
  })

  it('leave a gap where the connection is cut, and come again; the far sampler dies with its connection', async () => {
    const server = await sshd()
    const source = await prepared(server, 37)
    const run = memoryContext()
    await source.start(run.context)
    expect(samplers(37)).toBe(1)
    const cutNs = run.context.clock.now()
    server.killSessions()
    const cutByNs = run.context.clock.now()
    expect(await until(() => run.outages().length === 1)).toBe(true)
    const before = run.samples().length
    expect(await until(() => run.samples().length > before + 100)).toBe(true)
    expect(samplers(37)).toBe(1)
    await source.stop()
    expect(await until(() => samplers(37) === 0)).toBe(true)

    const [gap] = run.outages()
    expect(gap).toMatchObject({ category: 'gap', name: expect.stringMatching(/closed by the other side|ssh ended/) })
    expect(gap?.t_ns).toBeLessThan(cutByNs + 100e6)
    expect((gap?.t_ns ?? 0) + (gap?.dur_ns ?? 0)).toBeGreaterThan(cutNs + 400e6)
    const within = run
      .of('pstate')
      .filter(({ t_ns }) => t_ns > (gap?.t_ns ?? 0) && t_ns < (gap?.t_ns ?? 0) + (gap?.dur_ns ?? 0))
    expect(within).toEqual([])
    expect(run.notes.join()).toContain('connecting again')
  })

  it('leave nothing behind on the host when this end is killed', async () => {
    const server = await sshd()
    const source = await prepared(server, 41)
    await source.start(memoryContext().context)
    expect(samplers(41)).toBe(1)
    const ssh = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((line) => line.includes(server.configPath) && line.includes('exec sh'))
    for (const line of ssh) process.kill(Number.parseInt(line, 10), 'SIGKILL')
    await source.stop()
    expect(await until(() => samplers(41) === 0)).toBe(true)
  })

  it("come through a jump host, by a key that only an agent has: the user's configuration holds", async () => {
    const server = await sshd()
    const at = (name: string): string => join(server.folder, name)
    const agent = spawn('ssh-agent', ['-D', '-a', at('agent')], { stdio: 'ignore' })
    open.push({ stop: () => new Promise((resolve) => agent.once('exit', resolve).kill()) })
    expect(await until(() => existsSync(at('agent')))).toBe(true)
    const added = spawnSync('ssh-add', ['-q', at('user_key')], { env: { ...process.env, SSH_AUTH_SOCK: at('agent') } })
    expect(added.status).toBe(0)
    const known = readFileSync(at('known_hosts'), 'utf8')
    // Behind the jump host it has a name of its own, which nothing outside this file knows.
    writeFileSync(at('known_hosts'), `${known}${known.replace(/^\S+/, 'gpu-behind')}`)
    writeFileSync(
      at('jump_config'),
      `Host gpu-behind
  HostName 127.0.0.1
  HostKeyAlias gpu-behind
  ProxyJump door
Host door
  HostName 127.0.0.1
Host *
  Port ${server.port}
  User ${server.user}
  UserKnownHostsFile ${at('known_hosts')}
  GlobalKnownHostsFile /dev/null
  IdentityFile none
  IdentityAgent ${at('agent')}
`,
    )
    const target = parseSshTarget('ssh://gpu-behind', { configPath: at('jump_config') }, (why) => new Error(why))
    const source = await prepareSshSmi(target, { periodMs: 43, gpus: [] })
    open.push(source)
    const run = memoryContext()
    await source.start(run.context)
    expect(await until(() => run.of('pstate').length > 4)).toBe(true)
    await source.stop()
    expect(await until(() => samplers(43) === 0)).toBe(true)
    // Without the agent there is no key.
    writeFileSync(
      at('no_agent'),
      readFileSync(at('jump_config'), 'utf8').replace(/IdentityAgent .*/, 'IdentityAgent none'),
    )
    await expect(
      prepareSshSmi({ ...target, configPath: at('no_agent') }, { periodMs: 43, gpus: [] }),
    ).rejects.toMatchObject({ code: 'unreachable/ssh-denied' })
  })

  it('come again after the driver restarts', async () => {
    const server = await sshd({ FAKE_SMI_CRASH_AFTER: '10' })
    const source = await prepared(server, 20)
    const run = memoryContext()
    await source.start(run.context)
    expect(await until(() => run.outages().length === 1)).toBe(true)
    expect(run.outages()[0]?.name).toContain('dropped off the bus')
    await source.stop()
    // Ten samples each time, and then again.
    expect(run.of('pstate', '0 ').length).toBeGreaterThan(10)
  })
})

describe('what ssh says, in our words', () => {
  needs(noSshd)

  async function failure(target: SshTarget): Promise<LayerlineError> {
    try {
      open.push(await prepareSshSmi(target, { periodMs: 100, gpus: [] }))
    } catch (error) {
      if (error instanceof LayerlineError) return error
    }
    throw expect.unreachable('expected an error')
  }
  const config = (
    server: TestSshd,
    name: string,
    knownHosts: string,
    key = join(server.folder, 'user_key'),
  ): string => {
    writeFileSync(join(server.folder, name), clientConfig(knownHosts, key))
    return join(server.folder, name)
  }

  it('has a sentence and a way out for each', async () => {
    const server = await sshd()
    const at = (name: string): string => join(server.folder, name)

    const otherKey = readFileSync(at('user_key.pub'), 'utf8').split(' ').slice(0, 2).join(' ')
    writeFileSync(at('changed'), `[127.0.0.1]:${server.port} ${otherKey}\n`)
    const changed = await failure(targetOf(server, { configPath: config(server, 'c1', at('changed')) }))
    expect(changed).toMatchObject({ code: 'unreachable/ssh-host-key', exitCode: 3 })
    expect(changed.message).toContain('another key than the one known')
    expect(changed.hint).toContain('ssh-keygen -R')

    const unknown = await failure(targetOf(server, { configPath: config(server, 'c2', '/dev/null') }))
    expect(unknown).toMatchObject({ code: 'unreachable/ssh-host-key' })
    expect(unknown.hint).toContain(`ssh ${server.user}@127.0.0.1`)

    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('stranger')])
    const denied = await failure(
      targetOf(server, { configPath: config(server, 'c3', at('known_hosts'), at('stranger')) }),
    )
    expect(denied).toMatchObject({ code: 'unreachable/ssh-denied', exitCode: 3 })
    expect(denied.message).toContain('does not let this user in')

    copyFileSync(at('user_key'), at('shown'))
    chmodSync(at('shown'), 0o644)
    const shown = await failure(targetOf(server, { configPath: config(server, 'c4', at('known_hosts'), at('shown')) }))
    expect(shown).toMatchObject({ code: 'input/ssh-key', exitCode: 2 })

    const absent = await failure(
      targetOf(server, { keyPath: at('nowhere'), configPath: config(server, 'c5', at('known_hosts'), at('stranger')) }),
    )
    expect(absent).toMatchObject({ code: 'input/ssh-key' })
    expect(absent.hint).toContain('--ssh-key')

    const refused = await failure(targetOf(server, { port: await freePort() }))
    expect(refused).toMatchObject({ code: 'unreachable/ssh-refused', exitCode: 3 })

    const nowhere = await failure(targetOf(server, { host: 'no-such-host.invalid' }))
    expect(nowhere).toMatchObject({ code: 'unreachable/ssh-name' })

    writeFileSync(at('wrong_config'), 'NoSuchOption yes\n')
    const wrong = await failure(targetOf(server, { configPath: at('wrong_config') }))
    expect(wrong).toMatchObject({ code: 'input/ssh-config' })
  })

  it('knows a port where no ssh answers', async () => {
    const server = await sshd()
    const web = createServer((socket) => {
      socket.on('error', () => undefined).resume()
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    }).listen(0, '127.0.0.1')
    open.push({ stop: () => new Promise((resolve) => web.close(resolve)) })
    await new Promise((resolve) => web.once('listening', resolve))
    const { port } = web.address() as { port: number }
    const error = await failure(targetOf(server, { port }))
    expect(error.code).toBe('unreachable/ssh-no-banner')
  })

  it('knows a host without nvidia-smi, without a driver, and without that GPU', async () => {
    const bare = await startSshd({ PATH: sessionPath() })
    open.push(bare)
    const none = await failure(targetOf(bare))
    expect(none).toMatchObject({ code: 'missing/nvidia-smi', exitCode: 4 })
    expect(none.message).toContain('no nvidia-smi on that host')

    const driverless = await sshd({ FAKE_SMI_FAIL: 'driver' })
    const driver = await failure(targetOf(driverless))
    expect(driver).toMatchObject({ code: 'missing/gpu-driver' })

    const server = await sshd()
    await expect(prepareSshSmi(targetOf(server), { periodMs: 100, gpus: ['7'] })).rejects.toMatchObject({
      code: 'missing/gpu-device',
      hint: expect.stringContaining('1 GPU-fa4e0000'),
    })
  })
})
