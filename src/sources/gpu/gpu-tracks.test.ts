import { describe, expect, it } from 'vitest'
import { memoryContext } from '../../../test/support/memory-context.ts'
import { GapTrack } from '../gap-track.ts'
import { RejectedValues } from '../value-limits.ts'
import { GpuTracks } from './gpu-tracks.ts'
import { UpdatePeriod } from './update-period.ts'

function rejectedOf({ context }: ReturnType<typeof memoryContext>): RejectedValues {
  return new RejectedValues(context, { layer: 'gpu', host: 'h', source: 's', clock: 'run' })
}

describe('the period of a sensor', () => {
  const seen = (sensorMs: number, sampleMs: number, values: (turn: number) => number, seconds = 3): number | null => {
    const period = new UpdatePeriod()
    for (let ms = 7; ms < seconds * 1000; ms += sampleMs) period.see(ms * 1e6, values(Math.floor(ms / sensorMs)))
    return period.ns
  }

  it('is measured to one sample, also where values repeat by chance', () => {
    expect(Math.abs((seen(100, 10, (turn) => turn) ?? 0) - 100e6)).toBeLessThanOrEqual(10e6)
    expect(Math.abs((seen(100, 10, (turn) => Math.floor(turn / 3) + (turn % 7)) ?? 0) - 100e6)).toBeLessThanOrEqual(
      10e6,
    )
    expect(Math.abs((seen(1000, 100, (turn) => turn, 20) ?? 0) - 1000e6)).toBeLessThanOrEqual(100e6)
  })

  it('is not known of a value that stands still, or of none', () => {
    expect(seen(100, 10, () => 5)).toBeNull()
    expect(seen(100, 10, () => Number.NaN)).toBeNull()
  })
})

describe('the tracks of a GPU', () => {
  it('are declared once, with the period measured until then', () => {
    const run = memoryContext()
    const specs = ['moves', 'stands', 'absent'].map((name) => ({ name, unit: '1', scale: 1, attrs: { field: name } }))
    const tracks = new GpuTracks(
      run.context,
      { host: 'h', device: '0 GPU-a X', clock: 'run', rejected: rejectedOf(run) },
      specs,
    )
    for (let i = 0; i < 900; i++) tracks.add(i * 10e6, [Math.floor(i / 10), 4, Number.NaN])
    tracks.declare()
    const attrs = Object.fromEntries(run.tracks().map(({ name, attrs }) => [name, JSON.parse(attrs ?? '{}')]))
    expect(attrs).toEqual({
      moves: { field: 'moves', update_period_ns: 100e6 },
      stands: { field: 'stands', update_period_ns: null },
      absent: { field: 'absent', update_period_ns: null },
    })
    expect(run.of('absent').map(({ value }) => value)).toEqual(new Array(900).fill(null))
    expect(run.of('stands')).toHaveLength(900)
  })
})

describe('a value that cannot be', () => {
  const spec = (name: string, unit: string, scale = 1) => ({ name, unit, scale, attrs: { field: `F_${name}` } })
  /** Values of one track after samples of it, and how many were refused. */
  const recorded = (unit: string, scale: number, values: number[]) => {
    const run = memoryContext()
    const device = { host: 'h', device: '0 GPU-a X', clock: 'run', rejected: rejectedOf(run) }
    const tracks = new GpuTracks(run.context, device, [spec('x', unit, scale)])
    for (const [i, value] of values.entries()) tracks.add(i * 1e8, [value])
    tracks.declare()
    const refused = run.of('values_rejected').at(-1)?.value ?? 0
    return { values: run.of('x').map(({ value }) => value), refused, notes: run.notes.length }
  }

  it.each([
    ['ratio', 0.01, [60, 4294967295, 808334905, 101, -1, 100], [0.6, null, null, null, null, 1], 4],
    ['ratio', 1, [1.0004, 1.5, 0], [1, null, 0], 1],
    ['W', 1, [300, 140737488355330, 20e3, -3], [300, null, null, null], 3],
    ['C', 1, [45, 2147483632, 300], [45, null, null], 2],
    ['bytes', 1 << 20, [1000, 2 ** 63, 0], [1000 * 2 ** 20, null, 0], 1],
    ['Hz', 1e6, [1410, 4294967295], [1410e6, null], 1],
    ['J', 1e-3, [5e9, 2 ** 63 + 1], [5e6, null], 1],
    ['1', 1, [0, 2147483632, 79], [0, null, 79], 1],
  ])('of unit %s is recorded as none, counted, and reported once', (unit, scale, given, expected, refused) => {
    expect(recorded(unit, scale, given)).toEqual({ values: expected, refused, notes: 1 })
  })

  it('is no loss where the GPU never had one: a blank from the start', () => {
    expect(recorded('C', 1, [2147483633, 2147483633])).toEqual({ values: [null, null], refused: 0, notes: 0 })
    expect(recorded('C', 1, [Number.NaN, 45, Number.NaN])).toEqual({ values: [null, 45, null], refused: 0, notes: 0 })
  })

  it('is memory in use beyond what there is', () => {
    const run = memoryContext()
    const device = { host: 'h', device: '0 GPU-a X', clock: 'run', rejected: rejectedOf(run) }
    const tracks = new GpuTracks(run.context, device, [
      spec('memory_used_bytes', 'bytes'),
      spec('memory_total_bytes', 'bytes'),
    ])
    tracks.add(1, [5, 8])
    tracks.add(2, [9, 8])
    tracks.declare()
    expect(run.of('memory_used_bytes').map(({ value }) => value)).toEqual([5, null])
    expect(run.of('memory_total_bytes').map(({ value }) => value)).toEqual([8, 8])
    expect(run.of('values_rejected').map(({ value }) => value)).toEqual([1])
  })
})

describe('a gap', () => {
  it('is from the last sample to the next, named by its first reason, and longer pauses are gaps by themselves', () => {
    const run = memoryContext()
    const gaps = new GapTrack(run.context, { layer: 'gpu', host: 'h', source: 's', longestPauseNs: 1e9 })
    const at = run.context.clock.now()
    gaps.sample(at)
    gaps.sample(at + 0.9e9)
    gaps.outage('the cable')
    gaps.outage('later words')
    gaps.sample(at + 1e9)
    gaps.sample(at + 1.1e9)
    gaps.sample(at + 4e9)
    const rounded = run
      .gaps()
      .map(({ t_ns, dur_ns, name, category }) => [
        Math.round((t_ns - at) / 1e6),
        Math.round(dur_ns / 1e6),
        name,
        category,
      ])
    expect(rounded).toEqual([
      [900, 100, 'the cable', 'gap'],
      [1100, 2900, 'no samples came', 'gap'],
    ])
    expect(run.tracks()).toHaveLength(1)
  })
})
