import { describe, expect, it } from 'vitest'
import { memoryContext } from '../../../test/support/memory-context.ts'
import { GapTrack } from '../gap-track.ts'
import { GpuTracks } from './gpu-tracks.ts'
import { UpdatePeriod } from './update-period.ts'

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
    const specs = ['moves', 'stands', 'absent'].map((name) => ({ name, unit: '1', attrs: { field: name } }))
    const tracks = new GpuTracks(run.context, { host: 'h', device: '0 GPU-a X', clock: 'run' }, specs)
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
