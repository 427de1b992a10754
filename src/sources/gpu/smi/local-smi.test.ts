import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryContext, until } from '../../../../test/support/memory-context.ts'
import { tempFolder } from '../../../../test/support/temp-folder.ts'
import type { PreparedSource } from '../../source.ts'
import { prepareGpu } from '../gpu-source.ts'
import { askLocalSmi, prepareLocalSmi } from './local-smi.ts'

const FAKE = join(import.meta.dirname, '../../../../test/fake-nvidia-smi')
const BARE = `${dirname(process.execPath)}:/usr/bin:/bin`
let before: NodeJS.ProcessEnv
let open: PreparedSource[] = []
beforeEach(() => {
  before = { ...process.env }
  process.env.PATH = `${FAKE}:${BARE}`
})
afterEach(async () => {
  for (const source of open) await source.stop()
  open = []
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  Object.assign(process.env, before)
})

async function started(periodMs: number, gpus: string[] = []) {
  const source = await prepareLocalSmi({ periodMs, gpus })
  open.push(source)
  const run = memoryContext()
  await source.start(run.context)
  return { source, run }
}

const hasOwnSmi = spawnSync('nvidia-smi', ['-L']).error === undefined

describe("this machine's nvidia-smi (a fake)", () => {
  it('is sampled on its own clock, and ended', async () => {
    const { source, run } = await started(20)
    expect(await until(() => run.of('pstate', '0 ').length > 50)).toBe(true)
    await source.stop()
    const count = run.samples().length
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(run.samples().length).toBe(count)
    const [local] = run.clocks().filter(({ clock }) => clock.endsWith('local time'))
    const { offsetNs, uncertaintyNs } = run.context.unixOffset()
    expect(local).toMatchObject({ offset_ns: offsetNs + 7200e9, uncertainty_ns: uncertaintyNs })
    const late = run.of('pstate', '0 ').map(({ t_ns }) => run.context.clock.now() - t_ns)
    expect(Math.min(...late)).toBeGreaterThan(0)
    expect(Math.max(...late)).toBeLessThan(30e9)
    expect(run.hosts).toMatchObject([{ driver: '570.133.20' }])
    expect(run.outages()).toEqual([])
  })

  it('stands still while it is paused, which is a gap, goes on, and is ended in either state', async () => {
    const { source, run } = await started(20)
    await source.toggle?.pause()
    const count = () => run.of('pstate', '0 ').length
    // Output that was already on its way arrives.
    await new Promise((resolve) => setTimeout(resolve, 200))
    const before = count()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(count()).toBe(before)
    await source.toggle?.resume()
    expect(await until(() => count() > before + 5)).toBe(true)
    expect(run.outages()).toMatchObject([{ name: 'taken out by --certify' }])
    expect(run.outages()[0]?.dur_ns).toBeGreaterThan(0.6e9)
    await source.toggle?.pause()
    await source.stop()
    expect(run.notes).toEqual([])
  })

  it('of an old driver is asked what it has', async () => {
    process.env.FAKE_SMI_DRIVER = 'old'
    const { source, run } = await started(50)
    expect(await until(() => run.of('clocks_event_reasons').length > 0)).toBe(true)
    await source.stop()
    const fields = Object.fromEntries(run.tracks().map(({ name, attrs }) => [name, JSON.parse(attrs ?? '{}').field]))
    expect(fields).toMatchObject({ clocks_event_reasons: 'clocks_throttle_reasons.active', power_draw_w: 'power.draw' })
    expect(fields).not.toHaveProperty('power_draw_instant_w')
    expect(run.of('memory_temperature_c').every(({ value }) => value === null)).toBe(true)
    expect(run.of('clocks_event_reasons')[0]?.value).toBe(1)
  })

  it('that dies is started again, and the outage is a gap', async () => {
    process.env.FAKE_SMI_CRASH_AFTER = '5'
    const { source, run } = await started(20)
    expect(await until(() => run.outages().length > 0)).toBe(true)
    await source.stop()
    expect(run.outages()[0]).toMatchObject({ name: expect.stringContaining('dropped off the bus') })
    expect(run.outages()[0]?.dur_ns).toBeGreaterThan(0.4e9)
    expect(run.notes[0]).toContain('trying again in 0.5 s')
  })

  it('that answers counts, whatever its exit status; its warning is passed on', async () => {
    process.env.FAKE_SMI_EXIT = '14'
    process.env.FAKE_SMI_WARNING = 'WARNING: infoROM is corrupted at gpu 0000:00:1E.0'
    const { run } = await started(100)
    expect(await until(() => run.of('power_draw_w', '1 ').length >= 2)).toBe(true)
    expect(run.notes).toEqual([expect.stringContaining('infoROM is corrupted')])
    expect((await askLocalSmi([])).warnings).toEqual([process.env.FAKE_SMI_WARNING])
  })

  it('of which one GPU falls off the bus samples the others on', async () => {
    const lost = join(tempFolder(), 'lost')
    process.env.FAKE_SMI_LOST_FILE = lost
    const { run } = await started(20)
    expect(await until(() => run.of('power_draw_w', '1 ').length >= 2)).toBe(true)
    writeFileSync(lost, '')
    expect(await until(() => run.outages().length > 0)).toBe(true)
    const before = run.of('power_draw_w', '0 ').length
    const other = run.of('power_draw_w', '1 ').length
    expect(await until(() => run.of('power_draw_w', '0 ').length >= before + 5)).toBe(true)
    expect(run.of('power_draw_w', '1 ').length).toBe(other)
  })

  it('with instances says so, and gives no utilisation', async () => {
    process.env.FAKE_SMI_MIG = '1'
    const { source, run } = await started(50, ['1'])
    expect(await until(() => run.of('gpu_utilization_ratio').length > 0)).toBe(true)
    await source.stop()
    const tracks = run.tracks().filter(({ name }) => name !== 'gaps')
    expect(new Set(tracks.map(({ device }) => device?.slice(0, 5)))).toEqual(new Set(['1 GPU']))
    expect(tracks.every(({ attrs }) => JSON.parse(attrs ?? '{}').mig === true)).toBe(true)
    expect(run.of('gpu_utilization_ratio').every(({ value }) => value === null)).toBe(true)
  })

  it.each([
    ['driver', 'missing/gpu-driver'],
    ['mismatch', 'missing/gpu-driver'],
    ['no-devices', 'missing/gpu-device'],
  ])('that fails has a sentence: %s', async (how, code) => {
    process.env.FAKE_SMI_FAIL = how
    await expect(prepareGpu({ kind: 'local' }, { periodMs: 100, gpus: [] })).rejects.toMatchObject({
      code,
      exitCode: 4,
      hint: expect.stringContaining('--gpu none'),
    })
    const auto = await prepareGpu({ kind: 'auto' }, { periodMs: 100, gpus: [] })
    expect(auto?.problem).toMatch(/^gpu: off: this machine: /)
  })

  it('that is absent is off by itself, and an error where it was asked for', async (context) => {
    if (hasOwnSmi) return context.skip('this machine has an nvidia-smi of its own: run it on one without a GPU')
    process.env.PATH = BARE
    expect((await prepareGpu({ kind: 'auto' }, { periodMs: 100, gpus: [] }))?.problem).toContain(
      'no nvidia-smi on this machine',
    )
    await expect(prepareGpu({ kind: 'local' }, { periodMs: 100, gpus: [] })).rejects.toMatchObject({
      code: 'missing/nvidia-smi',
    })
    process.env.PATH = '/nowhere'
    const ssh = { kind: 'ssh', host: 'gpu1', user: null, port: null, keyPath: null, configPath: null } as const
    await expect(prepareGpu(ssh, { periodMs: 100, gpus: [] })).rejects.toMatchObject({ exitCode: 4 })
    expect(await prepareGpu({ kind: 'none' }, { periodMs: 100, gpus: [] })).toBeNull()
  })
})
