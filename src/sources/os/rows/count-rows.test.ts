import { describe, expect, it } from 'vitest'
import type { OsTrack } from '../os-messages.ts'
import { parseProbeFile } from '../script/probe-file.ts'
import { CountRows } from './count-rows.ts'
import { Processes } from './processes.ts'

const HEADER = `// x: a test
// @calls[pid, tid, comm] 1: calls
// @busy_ns[pid, tid] ns since @busy_since: time
// @ran_ns[pid, tid] ns since @state_since 1: time on a CPU
// @waited_ns[pid, tid] ns since @state_since 3 4: time ready
// @wait_us[pid] us hist: waits
// @bytes[machine, device] bytes: of a device

BEGIN { }
`

function rows(mapKeys = 100) {
  const file = parseProbeFile('x', HEADER)
  const tracks: OsTrack[] = []
  const samples: { name: string; thread: string | null; device: string | null; tNs: number; value: number | null }[] =
    []
  const processes = new Processes()
  processes.forked(4_000_001, 'engine')
  const counts = new CountRows({
    maps: file.maps.map((spec) => ({ spec, file: 'x' })),
    mapKeys,
    processes,
    startOf: () => null,
    isOurs: () => true,
    labelOf: (key, text) => `${key} ${text}`,
    sink: {
      track: (track) => tracks.push(track) - 1,
      sample(track, tNs, value) {
        const { name, thread, device } = tracks[track] as OsTrack
        samples.push({ name, thread, device, tNs, value })
      },
      slice: () => undefined,
      clock: () => undefined,
      note: () => undefined,
      lost: () => undefined,
      event: () => undefined,
    },
  })
  return { counts, tracks, samples, processes }
}

describe('counts that only grow', () => {
  it('become what was added since the tick before; a zero ends a stretch, and nothing follows it', () => {
    const { counts, samples } = rows()
    counts.take('calls', [['4000001,4000002,a,b', 3]])
    counts.tick(100, 100)
    counts.take('calls', [
      ['4000001,4000002,a,b', 5],
      ['4000001,4000002,other', 2],
    ])
    counts.tick(200, 200)
    counts.tick(300, 300)
    counts.tick(400, 400)
    expect(samples.map(({ tNs, value }) => [tNs, value])).toEqual([
      [100, 3],
      [200, 4],
      [300, 0],
    ])
    expect(samples[0]?.thread).toBe('4000002 a,b')
    expect(counts.counts()).toEqual([
      { name: 'calls', pid: 4_000_001, comm: 'a,b', value: 5 },
      { name: 'calls', pid: 4_000_001, comm: 'other', value: 2 },
    ])
  })

  it('go on while something lasts, and add up to the same', () => {
    const { counts, samples } = rows()
    counts.take('busy_ns', [])
    counts.take('busy_since', [['4000001,4000001', 50]])
    counts.tick(100, 100)
    counts.tick(200, 200)
    // It ended at 250 and has begun again at 290.
    counts.take('busy_ns', [['4000001,4000001', 200]])
    counts.take('busy_since', [['4000001,4000001', 290]])
    counts.tick(300, 300)
    // It had ended when that was reported: a start of 0 means none.
    counts.take('busy_ns', [['4000001,4000001', 210]])
    counts.take('busy_since', [['4000001,4000001', 0]])
    counts.tick(400, 400)
    expect(samples.map(({ value }) => value)).toEqual([50, 100, 60, 0])
  })

  it('go on by the state of a begin, also while no map is printed', () => {
    const { counts, samples } = rows()
    const told = () => samples.splice(0).map(({ name, tNs, value }) => [name, tNs, value])
    // Past two years of a machine's uptime.
    const began = 2 ** 56
    counts.take('state_since', [['4000001,4000002', began + 16]])
    counts.tick(1, began + 1024)
    counts.tick(2, began + 2048)
    expect(told()).toEqual([
      ['ran_ns', 1, 1024],
      ['ran_ns', 2, 1024],
    ])
    counts.take('ran_ns', [['4000001,4000002', 2048 + 1280]])
    counts.take('state_since', [['4000001,4000002', began + 2048 + 1280 + 64]])
    counts.tick(3, began + 4096)
    expect(told()).toEqual([
      ['ran_ns', 3, 1280],
      ['waited_ns', 3, 768],
    ])
    counts.take('state_since', [['4000001,4000002', 0]])
    counts.tick(4, began + 8192)
    expect(told()).toEqual([
      ['ran_ns', 4, 0],
      ['waited_ns', 4, 0],
    ])
  })

  it('are told of the program that runs then', () => {
    const { counts, tracks, processes } = rows()
    counts.take('calls', [['4000001,4000001,engine', 1]])
    counts.tick(100, 100)
    processes.ran(4_000_001, '/usr/bin/server')
    counts.ran(4_000_001)
    counts.take('calls', [
      ['4000001,4000001,engine', 1],
      ['4000001,4000001,server', 4],
    ])
    counts.tick(200, 200)
    expect(tracks.map(({ process, thread }) => [process, thread])).toEqual([
      ['4000001 engine', '4000001 engine'],
      ['4000001 server', '4000001 server'],
    ])
  })

  it('of the machine name no process', () => {
    const { counts, tracks } = rows()
    counts.take('bytes', [['0,7', 1]])
    counts.tick(1, 1)
    expect(tracks[0]).toMatchObject({ process: null, device: 'device 7', attrs: { of: 'machine' } })
  })

  it('that have no room left are named', () => {
    const { counts } = rows(2)
    counts.take('calls', [['1,1,a', 1]])
    expect([...counts.full]).toEqual([])
    counts.take('calls', [
      ['1,1,a', 1],
      ['1,2,a', 1],
    ])
    expect([...counts.full]).toEqual(['calls'])
  })
})

it('a histogram is a count a bin', () => {
  const { counts, samples, tracks } = rows()
  counts.histogram('wait_us', [
    [
      '4000001',
      [
        { min: 0, max: 0, count: 0 },
        { min: 2, max: 3, count: 5 },
      ],
    ],
  ])
  counts.tick(1, 1)
  expect(samples).toMatchObject([{ device: '2-3 us', value: 5 }])
  expect(tracks[0]?.attrs).toMatchObject({ low: 2, high: 3 })
})
