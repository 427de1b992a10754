import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { memoryContext, until } from '../../../../test/support/memory-context.ts'
import type { PreparedSource } from '../../source.ts'
import { prepareGpu } from '../gpu-source.ts'
import { parseGpuTarget } from '../gpu-target.ts'

const FAKE = join(import.meta.dirname, '../../../../test/fake-amd-smi')
const open: PreparedSource[] = []

afterEach(async () => {
  for (const source of open.splice(0)) await source.stop()
  vi.unstubAllEnvs()
})

async function sample(env: Record<string, string>, gpus: readonly string[] = [], value = 'amd') {
  for (const [name, set] of Object.entries(env)) vi.stubEnv(name, set)
  vi.stubEnv('PATH', `${FAKE}:${process.env.PATH}`)
  const source = await prepareGpu(parseGpuTarget(value), { periodMs: 100, gpus })
  if (source === null) throw expect.unreachable()
  open.push(source)
  const run = memoryContext()
  await source.start(run.context)
  return { source, run }
}

describe('AMD GPUs', () => {
  it.each([['1'], ['']])('are sampled by amd-smi, also by --gpu auto (bare lists: %j)', async (bare) => {
    const { source, run } = await sample(
      { FAKE_AMD_BARE: bare, FAKE_AMD_ROUND_MS: '20' },
      [],
      bare === '' ? 'auto' : 'amd',
    )
    expect(source.problem).toBeNull()
    expect(await until(() => run.of('power_draw_w', '1 ').length >= 5)).toBe(true)
    await source.stop()
    const watts = run.of('power_draw_w', '1 ').map(({ value }) => value)
    expect(watts).toEqual(watts.map((_, round) => 310 + round))
    expect(run.of('memory_used_bytes', '0 ')[0]?.value).toBe(17153 * 2 ** 20)
    expect(run.of('temperature_c', '0 ')[0]?.value).toBe(71)
    expect(run.of('energy_j', '1 ')[1]?.value).toBe(500.5)
    const power = run.tracks().filter(({ name }) => name === 'power_draw_w')
    expect(power.map(({ device, unit, clock }) => [device, unit, clock])).toEqual([
      ['0 fake-uuid-0 Fake Instinct', 'W', 'run'],
      ['1 fake-uuid-1 Fake Instinct', 'W', 'run'],
    ])
    const attrs = JSON.parse(power[0]?.attrs ?? '{}')
    expect(attrs).toMatchObject({ source: 'amd-smi', field: 'socket_power', window_ns: null, driver: '6.16.6' })
  })

  it('are sampled by rocm-smi where amd-smi is none, one answer a call; a second die has no power', async () => {
    const { source, run } = await sample({ FAKE_AMD_ABSENT: '1' })
    const first = run.samples().length
    expect(first).toBeGreaterThan(0)
    expect(await until(() => run.samples().length > first)).toBe(true)
    await source.stop()
    expect(run.of('power_draw_w', '0 ')[0]?.value).toBe(237.5)
    expect(run.of('power_draw_w', '1 ')[0]?.value).toBeNull()
    expect(run.of('sm_clock_hz', '1 ')[0]?.value).toBe(1700e6)
    expect(run.of('temperature_c', '1 ')[0]?.value).toBe(41)
    expect(run.of('power_draw_w', '0 ').length).toBeGreaterThan(1)
    expect(run.tracks().find(({ name }) => name === 'power_draw_w')?.device).toBe('0 0xfake0 Fake Instinct')
  })

  it('that were not asked for are left out, and one that is not there is an error', async () => {
    const { source, run } = await sample({ FAKE_AMD_ROUND_MS: '20' }, ['fake-uuid-1'])
    await source.stop()
    expect(new Set(run.tracks().map(({ device }) => device))).toEqual(new Set(['1 fake-uuid-1 Fake Instinct']))
    await expect(prepareGpu({ kind: 'amd' }, { periodMs: 100, gpus: ['7'] })).rejects.toMatchObject({
      code: 'missing/gpu-device',
      hint: expect.stringContaining('1 fake-uuid-1 Fake Instinct'),
    })
  })

  it('whose sampler dies have a gap that says why, and are sampled again', async () => {
    const { source, run } = await sample({ FAKE_AMD_CRASH_AFTER: '2', FAKE_AMD_ROUND_MS: '20' })
    expect(await until(() => run.of('power_draw_w', '0 ').length >= 3)).toBe(true)
    await source.stop()
    expect(run.gaps()[0]).toMatchObject({ category: 'gap', name: expect.stringContaining('device lost') })
  })

  it('without a driver, or without tools, are an error that says so', async () => {
    vi.stubEnv('FAKE_AMD_FAIL', 'driver')
    vi.stubEnv('PATH', `${FAKE}:${process.env.PATH}`)
    const asked = { periodMs: 100, gpus: [] }
    await expect(prepareGpu({ kind: 'amd' }, asked)).rejects.toMatchObject({
      code: 'missing/gpu',
      message: expect.stringContaining('Driver not loaded'),
    })
    vi.stubEnv('PATH', '/nowhere')
    await expect(prepareGpu({ kind: 'amd' }, asked)).rejects.toMatchObject({ code: 'missing/amd-smi' })
    const off = await prepareGpu({ kind: 'auto' }, asked)
    expect(off?.problem).toContain('no nvidia-smi')
  })
})
