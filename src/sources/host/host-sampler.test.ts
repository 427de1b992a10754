import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { memoryRows } from '../../../test/support/memory-rows.ts'
import { needs } from '../../../test/support/needs.ts'
import { createRunClock } from '../../base/time.ts'
import { counters, tracks } from '../../trace/tables.ts'
import { startHostSampler } from './host-sampler.ts'
import { SampledHost } from './sampled-host.ts'
import type { SampleSink, TrackSpec } from './samples/samples.ts'

class Collected implements SampleSink {
  readonly specs: TrackSpec[] = []
  readonly values: { tNs: number; value: number | null }[][] = []

  track(spec: TrackSpec): number {
    this.values.push([])
    return this.specs.push(spec) - 1
  }

  add(track: number, tNs: number, value: number | null): void {
    this.values[track]?.push({ tNs, value })
  }

  of(name: string, role: string, device?: string): (number | null)[] {
    const found = this.specs.findIndex(
      (spec) => spec.name === name && spec.attrs.role === role && spec.device === device,
    )
    return (this.values[found] ?? []).map(({ value }) => value)
  }
}

describe('a sampler over a made-up /proc', () => {
  const root = mkdtempSync(join(tmpdir(), 'layerline-proc-'))
  const proc = join(root, 'proc')
  afterAll(() => rmSync(root, { recursive: true }))
  const write = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const process = (
    pid: number,
    comm: string,
    ticks: number,
    start: number,
    children = '',
    wait = 0,
    state = 'S',
  ): void => {
    const fields = `${state} 1 1 1 0 -1 0 ${ticks} 0 ${pid} 0 ${ticks} ${ticks} 0 0 20 0 2 0 ${start} 0 10 0`
    write(`proc/${pid}/stat`, `${pid} (${comm}) ${fields}\n`)
    write(`proc/${pid}/cgroup`, '0::/box\n')
    write(`proc/${pid}/task/${pid}/children`, children)
    write(`proc/${pid}/task/${pid}/schedstat`, `1000 ${wait} 5\n`)
  }
  const machine = (busy: number, idle: number, steal: number): void => {
    write('proc/stat', `cpu ${busy} 0 0 ${idle} 0 0 0 ${steal} 0 0\n`)
    write('proc/meminfo', 'MemAvailable: 100 kB\nSwapTotal: 8 kB\nSwapFree: 3 kB\n')
    write('proc/vmstat', `pswpin ${busy}\npswpout 0\n`)
    write('proc/self/net/dev', `a\nb\n lo: ${busy} 0 0 0 0 0 0 0 7 0 0 0 0 0 0 0\n`)
    write('proc/uptime', '100.00 1.00\n')
    write('proc/self/mountinfo', `1 1 0:1 / ${root}/cg rw - cgroup2 c rw\n`)
    write('cg/box/cpu.stat', `throttled_usec ${busy}\n`)
  }

  it('gives shares, growth and sums over process trees', () => {
    machine(10, 80, 10)
    process(5, 'cli ent)', 10, 9000, '6 7', 100)
    process(6, 'child', 10, 9100)
    process(7, 'engine', 1000, 9200, '', 1000)
    const seen = new Collected()
    const processes = [
      { pid: 5, role: 'client' },
      { pid: 7, role: 'engine' },
      { pid: 404, role: 'engine' },
    ] as const
    const sampler = new SampledHost({ processes, serverPort: null, threadCpu: false }, seen, 50e9, proc)
    sampler.sample(0)
    machine(40, 140, 20)
    process(5, 'cli ent)', 12, 9000, '6 7 8', 150)
    process(6, 'child', 11, 9100)
    process(7, 'engine', 1010, 9200, '', 1500)
    process(8, 'fresh', 3, 9900)
    sampler.sample(100e6)
    process(6, 'other', 400, 9950)
    process(7, 'engine', 1010, 9200, '', 0, 'Z')
    sampler.sample(200e6)
    sampler.close()

    expect(seen.of('cpu_busy_ratio', 'machine')).toEqual([0.3])
    expect(seen.of('cpu_steal_ratio', 'machine')).toEqual([0.1])
    expect(seen.of('memory_available_bytes', 'machine')).toEqual([102400, 102400, 102400])
    expect(seen.of('swap_used_bytes', 'machine')).toEqual([5120, 5120, 5120])
    expect(seen.of('swap_in_bytes', 'machine')).toEqual([30 * 4096, 0])
    expect(seen.of('net_rx_bytes', 'machine', 'lo')).toEqual([30, 0])
    expect(seen.of('net_tx_bytes', 'machine', 'lo')).toEqual([0, 0])
    expect(seen.of('cgroup_throttled_ns', 'client')).toEqual([30_000, 0])
    // Each tick counts in both user and system time: client 2, child 1, and all 3 of the fresh child, of 10 ms twice.
    expect(seen.of('cpu_cores', 'client')).toEqual([(2 * 6 * 10) / 100, (2 * 400 * 10) / 100])
    expect(seen.of('cpu_cores', 'engine')).toEqual([2, null])
    // Of the same, what is not the client itself.
    expect(seen.of('helper_cpu_cores', 'client')).toEqual([(2 * 4 * 10) / 100, (2 * 400 * 10) / 100])
    expect(seen.of('helper_cpu_cores', 'engine')).toEqual([])
    expect(seen.of('rss_bytes', 'client')).toEqual([2 * 40960, 3 * 40960, 3 * 40960])
    expect(seen.of('threads', 'client')).toEqual([4, 6, 6])
    expect(seen.of('run_queue_wait_ns', 'client')).toEqual([50, 0])
    expect(seen.of('run_queue_wait_ns', 'engine')).toEqual([500, null])
    const cores = seen.specs.find((spec) => spec.name === 'cpu_cores')
    expect(cores?.process).toBe('5 cli ent)')
    // Up for 100 s at 50 s of run time; started 90 s after boot.
    expect(cores?.processStartNs).toBe(40e9)
    expect(seen.specs.filter((spec) => spec.process?.startsWith('404'))).toEqual([])
  })

  it('a late sample and one right after it put off the look at threads by no more than one', () => {
    const seen = new Collected()
    const processes = [{ pid: 5, role: 'engine' }] as const
    process(5, 'engine', 0, 9000)
    const sampler = new SampledHost({ processes, serverPort: null, threadCpu: false }, seen, 50e9, proc)
    for (const ms of [0, 100, 298, 300, 400, 500, 600]) sampler.sample(ms * 1e6)
    sampler.close()
    expect(seen.of('run_queue_wait_ns', 'engine').length).toBeGreaterThanOrEqual(5)
  })

  it("of the waits of an engine's threads it tells the time in which one at least waited, were they independent", () => {
    const threads = (first: number, second: number) => {
      process(5, 'engine', 0, 9000, '', first)
      write('proc/5/task/51/schedstat', `1000 ${second} 5\n`)
    }
    const seen = new Collected()
    const processes = [{ pid: 5, role: 'engine' }] as const
    threads(1000, 1000)
    const sampler = new SampledHost({ processes, serverPort: null, threadCpu: false }, seen, 50e9, proc)
    sampler.sample(0)
    threads(1000 + 50e6, 1000 + 50e6)
    sampler.sample(100e6)
    threads(1000 + 50e6, 1000 + 80e6)
    sampler.sample(200e6)
    threads(1000 + 50e6, 1000 + 200e6)
    sampler.sample(300e6)
    sampler.close()
    rmSync(join(proc, '5'), { recursive: true })
    expect(seen.of('run_queue_wait_ns', 'engine')).toEqual([100e6, 30e6, 120e6])
    // Half of the time each: three quarters of it. No more than all of it, in the end.
    expect(seen.of('run_queue_wait_any_ns', 'engine').map((ns) => Math.round(ns ?? -1))).toEqual([75e6, 30e6, 100e6])
  })

  it('tells what the sampling thread itself took, over seconds', () => {
    process(5, 'client', 10, 9000)
    const seen = new Collected()
    const processes = [{ pid: 5, role: 'client' }] as const
    const sampler = new SampledHost({ processes, serverPort: null, threadCpu: false }, seen, 50e9, proc)
    for (const [runMs, atMs] of [
      [1, 0],
      [11, 500],
      [21, 1000],
      [61, 2000],
    ] as const) {
      write('proc/thread-self/schedstat', `${runMs * 1e6} 5 3\n`)
      sampler.sample(atMs * 1e6)
    }
    sampler.close()
    expect(seen.of('sampler_cpu_cores', 'client')).toEqual([0.02, 0.04])
    expect(seen.of('helper_cpu_cores', 'client')).toEqual([])
  })

  it('looks at threads and for children twenty times a second at most, and misses nothing of either', () => {
    process(5, 'engine', 0, 9000, '', 0)
    const seen = new Collected()
    const processes = [{ pid: 5, role: 'engine' }] as const
    const sampler = new SampledHost({ processes, serverPort: null, threadCpu: false }, seen, 50e9, proc)
    for (let i = 0; i <= 41; i++) {
      process(5, 'engine', i, 9000, i < 13 ? '' : '6', 1000 * i)
      // Its child begins at 130 ms, and has worked 7 ticks when it is found.
      if (i >= 13) process(6, 'late', i - 13, 9100)
      sampler.sample(i * 10e6)
    }
    sampler.close()
    expect(seen.of('run_queue_wait_ns', 'engine')).toHaveLength(9)
    expect(seen.of('run_queue_wait_ns', 'engine').reduce<number>((sum, value) => sum + (value ?? 0), 0)).toBe(41_000)
    const cores = seen.of('cpu_cores', 'engine')
    expect(cores).toHaveLength(41)
    expect(cores.reduce<number>((sum, value) => sum + (value ?? 0) * 10, 0)).toBeCloseTo((41 + 28) * 20, 6)
  })

  it('leaves out what a machine does not have', () => {
    const seen = new Collected()
    const options = { processes: [{ pid: 1, role: 'client' }] as const, serverPort: 1, threadCpu: true }
    const sampler = new SampledHost(options, seen, 0, join(root, 'nothing'))
    sampler.sample(0)
    sampler.sample(1e9)
    expect(seen.specs.map((spec) => spec.name)).toEqual(['sampler_cost_ns'])
  })
})

const BURN = `
process.stdin.resume()
process.stdin.once('data', () => {
  const before = process.cpuUsage()
  const end = performance.now() + 400
  while (performance.now() < end);
  const used = process.cpuUsage(before)
  const rss = process.memoryUsage().rss
  console.log(JSON.stringify({ us: used.user + used.system, rss }))
})
console.log('ready')
`

describe('the sampler thread', () => {
  needs(existsSync('/proc/stat') ? null : 'there is no /proc/stat: run it on Linux')

  it('measures what a process says of itself', async () => {
    const child = spawn(process.execPath, ['-e', BURN], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = once(child, 'exit')
    try {
      await once(child.stdout, 'data')
      const clock = createRunClock()
      const trackRows = memoryRows(tracks)
      const counterRows = memoryRows(counters)
      let ids = 40
      const sampler = await startHostSampler(
        {
          clock,
          periodMs: 50,
          processes: [
            { pid: process.pid, role: 'client' },
            { pid: child.pid as number, role: 'engine' },
          ],
          serverPort: 9,
          trackIds: () => ++ids,
        },
        { tracks: trackRows.writer, counters: counterRows.writer },
      )
      expect(sampler.problem).toBeNull()
      const fromNs = clock.now()
      child.stdin.write('go\n')
      const [line] = (await once(child.stdout, 'data')) as [Buffer]
      const truth = JSON.parse(line.toString()) as { us: number; rss: number }
      await sleep(150)
      await sampler.stop()
      const toNs = clock.now()
      await sampler.stop()
      expect(sampler.problem).toBeNull()

      const all = trackRows.rows()
      const of = (name: string, role: string) => {
        const track = all.find((row) => row.name === name && JSON.parse(row.attrs ?? '{}').role === role && !row.device)
        return counterRows.rows().filter((row) => row.track_id === track?.track_id)
      }
      expect(all.map((row) => row.track_id)).toEqual(all.map((_, i) => 41 + i))
      expect(new Set(all.map((row) => row.clock))).toEqual(new Set(['run']))
      const cores = of('cpu_cores', 'engine')
      expect(cores.length).toBeGreaterThan(5)
      let cpuNs = 0
      for (const [i, row] of cores.entries()) {
        const previous = cores[i - 1]
        if (previous) cpuNs += (row.value ?? 0) * (row.t_ns - previous.t_ns)
        else cpuNs += (row.value ?? 0) * 50e6
      }
      // Ticks of 10 ms at both ends, and what the child did besides.
      expect(cpuNs / 1e6).toBeGreaterThan(truth.us / 1e3 - 30)
      expect(cpuNs / 1e6).toBeLessThan(truth.us / 1e3 + 150)
      const rss = of('rss_bytes', 'engine').map((row) => row.value ?? 0)
      expect(Math.abs((rss.at(-1) ?? 0) / truth.rss - 1)).toBeLessThan(0.2)
      expect(of('bytes_waiting', 'client').every((row) => row.value === 0)).toBe(true)
      const busy = of('cpu_busy_ratio', 'machine').map((row) => row.value ?? 0)
      expect(Math.max(...busy)).toBeGreaterThan(0)
      expect(busy.every((share) => share >= 0 && share <= 1)).toBe(true)
      for (const row of counterRows.rows()) {
        expect(row.t_ns).toBeGreaterThan(fromNs - 1e9)
        expect(row.t_ns).toBeLessThanOrEqual(toNs)
      }
    } finally {
      child.kill()
      await exited
    }
  })
})
