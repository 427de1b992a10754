import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DiskSamples, parseDiskstats } from './disk-samples.ts'
import { localRaplZones, RaplSamples } from './rapl-samples.ts'
import type { SampleSink, TrackSpec } from './samples.ts'

function collected() {
  const specs: TrackSpec[] = []
  const values: (number | null)[][] = []
  const sink: SampleSink = {
    track: (spec) => {
      values.push([])
      return specs.push(spec) - 1
    },
    add: (track, _, value) => values[track]?.push(value),
  }
  return { specs, values, sink }
}

const disk = (name: string, read: number, written: number, busy: number): string =>
  `   8       0 ${name} 10 0 ${read} 5 20 0 ${written} 7 0 ${busy} 12 0 0 0 0\n`

it('counts whole disks, and partitions where their disk is not listed', () => {
  const text = [disk('sda', 8, 16, 3), disk('sda1', 8, 16, 3), disk('nvme0n1', 2, 0, 1), disk('nvme0n1p2', 1, 0, 1)]
  const rest = [disk('xvda1', 4, 0, 0), disk('loop3', 9, 9, 9), disk('dm-0', 1, 1, 1), 'garbage\n', '\n']
  const found = parseDiskstats([...text, ...rest].join(''))
  expect([...found.keys()]).toEqual(['sda', 'nvme0n1', 'xvda1', 'dm-0'])
  expect(found.get('sda')).toEqual({ readBytes: 4096, writtenBytes: 8192, busyMs: 3 })
})

it('tells what each disk did since the sample before', () => {
  let text = disk('sda', 100, 100, 50) + disk('sdb', 1, 1, 1)
  const { specs, values, sink } = collected()
  const samples = new DiskSamples(() => ({ read: () => text, close: () => undefined }), sink)
  samples.sample(0, null)
  text = disk('sda', 102, 104, 75) + disk('sdb', 1, 1, 1)
  samples.sample(100e6, 100e6)
  expect(specs.map(({ name, device }) => `${device} ${name}`)).toEqual([
    'sda disk_read_bytes',
    'sda disk_write_bytes',
    'sda disk_busy_ratio',
  ])
  expect(values).toEqual([[1024], [2048], [0.25]])
})

it("sums the processor's energy over the end of its range", () => {
  const root = mkdtempSync(join(tmpdir(), 'layerline-rapl-'))
  const zone = join(root, 'intel-rapl:0')
  mkdirSync(zone)
  mkdirSync(join(root, 'intel-rapl'))
  const write = (name: string, value: string): void => writeFileSync(join(zone, name), `${value}\n`)
  write('name', 'package-0')
  write('max_energy_range_uj', '10000000')
  const { specs, values, sink } = collected()
  try {
    write('energy_uj', '9000000')
    const [samples] = RaplSamples.of(localRaplZones(root), sink)
    samples?.sample(0)
    write('energy_uj', '9500000')
    samples?.sample(1)
    write('energy_uj', '250000')
    samples?.sample(2)
    samples?.close()
  } finally {
    rmSync(root, { recursive: true })
  }
  expect(specs).toMatchObject([
    { name: 'energy_j', unit: 'J', device: 'package-0 intel-rapl:0', attrs: { kind: 'delta' } },
  ])
  expect(values[0]?.[0]).toBeCloseTo(0.5, 9)
  expect(values[0]?.[1]).toBeCloseTo(0.75, 9)
  expect(localRaplZones('/nowhere')).toEqual([])
})
