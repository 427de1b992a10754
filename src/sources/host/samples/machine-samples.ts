import { openProcText, type ProcTexts, type TextFile } from '../proc/kept-file.ts'
import { type CpuTicks, parseCpuTicks, parseKilobytes, parseNamedNumber, parseNetDev } from '../proc/proc-text.ts'
import { growth, LazyTrack, type Sampled, type SampleSink } from './samples.ts'

/** On larger machines only all CPUs together: a row for each would be most of the run. */
const MAX_CPU_TRACKS = 16
/** Hosts of many containers have an interface for each; the first that carry something are shown. */
const MAX_INTERFACES = 8

/** CPU time of the machine and, on small ones, of each CPU. */
export class CpuSamples implements Sampled {
  private readonly file: TextFile
  private readonly sink: SampleSink
  private readonly tracks = new Map<string, { busy: LazyTrack; steal: LazyTrack }>()
  private before = new Map<string, CpuTicks>()

  constructor(proc: ProcTexts, sink: SampleSink) {
    this.file = openProcText(proc, 'stat')
    this.sink = sink
  }

  sample(tNs: number): void {
    const parsed = parseCpuTicks(this.file.read() ?? '')
    if (parsed === null) return
    const now = new Map([['', parsed.all], ...(parsed.cpus.size <= MAX_CPU_TRACKS ? parsed.cpus : [])])
    for (const [device, ticks] of now) {
      const before = this.before.get(device)
      const total = before === undefined ? null : growth(ticks.total, before.total)
      if (before === undefined || total === null || total === 0) continue
      const tracks = this.tracksOf(device)
      const share = (part: number | null): number | null => (part === null ? null : Math.min(1, part / total))
      tracks.busy.add(tNs, share(growth(ticks.busy, before.busy)))
      tracks.steal.add(tNs, share(growth(ticks.steal, before.steal)))
    }
    this.before = now
  }

  private tracksOf(device: string): { busy: LazyTrack; steal: LazyTrack } {
    const known = this.tracks.get(device)
    if (known !== undefined) return known
    const track = (name: string, source: string): LazyTrack =>
      new LazyTrack(this.sink, {
        layer: 'host',
        name,
        unit: 'ratio',
        ...(device === '' ? {} : { device }),
        attrs: { role: 'machine', source: `/proc/stat ${source}`, kind: 'mean', tick_ms: 10 },
      })
    const made = {
      busy: track('cpu_busy_ratio', 'user+nice+system+irq+softirq'),
      steal: track('cpu_steal_ratio', 'steal'),
    }
    this.tracks.set(device, made)
    return made
  }

  close(): void {
    this.file.close()
  }
}

/** Memory to give, swap in use, and bytes moved to and from it. */
export class MemorySamples implements Sampled {
  private readonly meminfo: TextFile
  private readonly vmstat: TextFile
  private readonly pageBytes: number
  private readonly tracks
  private swapped: { in: number | null; out: number | null } = { in: null, out: null }

  constructor(proc: ProcTexts, sink: SampleSink, pageBytes: number) {
    this.meminfo = openProcText(proc, 'meminfo')
    this.vmstat = openProcText(proc, 'vmstat')
    this.pageBytes = pageBytes
    const track = (name: string, source: string, kind: 'gauge' | 'delta'): LazyTrack =>
      new LazyTrack(sink, { layer: 'host', name, unit: 'bytes', attrs: { role: 'machine', source, kind } })
    this.tracks = {
      available: track('memory_available_bytes', '/proc/meminfo MemAvailable', 'gauge'),
      swapUsed: track('swap_used_bytes', '/proc/meminfo SwapTotal-SwapFree', 'gauge'),
      swapIn: track('swap_in_bytes', '/proc/vmstat pswpin', 'delta'),
      swapOut: track('swap_out_bytes', '/proc/vmstat pswpout', 'delta'),
    }
  }

  sample(tNs: number): void {
    const meminfo = this.meminfo.read() ?? ''
    this.tracks.available.add(tNs, parseKilobytes(meminfo, 'MemAvailable'))
    const total = parseKilobytes(meminfo, 'SwapTotal')
    if (total === null || total === 0) return
    this.tracks.swapUsed.add(tNs, growth(total, parseKilobytes(meminfo, 'SwapFree')))
    const vmstat = this.vmstat.read() ?? ''
    const now = { in: parseNamedNumber(vmstat, 'pswpin'), out: parseNamedNumber(vmstat, 'pswpout') }
    this.tracks.swapIn.add(tNs, this.bytes(growth(now.in, this.swapped.in)))
    this.tracks.swapOut.add(tNs, this.bytes(growth(now.out, this.swapped.out)))
    this.swapped = now
  }

  private bytes(pages: number | null): number | null {
    return pages === null ? null : pages * this.pageBytes
  }

  close(): void {
    this.meminfo.close()
    this.vmstat.close()
  }
}

/** Bytes through each network interface that carries something; the loopback is one of them. */
export class NetworkSamples implements Sampled {
  private readonly file: TextFile
  private readonly sink: SampleSink
  private readonly tracks = new Map<string, { rx: LazyTrack; tx: LazyTrack }>()
  private before: ReturnType<typeof parseNetDev> = new Map()

  constructor(proc: ProcTexts, sink: SampleSink) {
    this.file = openProcText(proc, 'self/net/dev')
    this.sink = sink
  }

  sample(tNs: number): void {
    const now = parseNetDev(this.file.read() ?? '')
    for (const [device, bytes] of now) {
      const rx = growth(bytes.rxBytes, this.before.get(device)?.rxBytes)
      const tx = growth(bytes.txBytes, this.before.get(device)?.txBytes)
      let tracks = this.tracks.get(device)
      if (tracks === undefined) {
        if (!rx && !tx) continue
        if (this.tracks.size >= MAX_INTERFACES) continue
        tracks = { rx: this.track(device, 'rx'), tx: this.track(device, 'tx') }
        this.tracks.set(device, tracks)
      }
      tracks.rx.add(tNs, rx)
      tracks.tx.add(tNs, tx)
    }
    this.before = now
  }

  private track(device: string, way: 'rx' | 'tx'): LazyTrack {
    return new LazyTrack(this.sink, {
      layer: 'host',
      name: `net_${way}_bytes`,
      unit: 'bytes',
      device,
      attrs: { role: 'machine', source: '/proc/net/dev', kind: 'delta' },
    })
  }

  close(): void {
    this.file.close()
  }
}
