import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readOrNull } from './proc/cgroup.ts'
import { parseProcessStat } from './proc/proc-text.ts'
import { ThrottleSamples } from './samples/cgroup-samples.ts'
import { ThreadCpu, WaitingBytes } from './samples/client-samples.ts'
import { DiskSamples } from './samples/disk-samples.ts'
import { CpuSamples, MemorySamples, NetworkSamples } from './samples/machine-samples.ts'
import { type ProcessRoot, ProcessSamples, processName } from './samples/process-samples.ts'
import { localRaplZones, RaplSamples } from './samples/rapl-samples.ts'
import { LazyTrack, type Sampled, type SampleSink } from './samples/samples.ts'

export interface SamplerOptions {
  processes: readonly ProcessRoot[]
  /** Where the client's connections go to, for what waits in them. */
  serverPort: number | null
  /** Whether to measure the client's thread from here. */
  threadCpu: boolean
}

/** Everything that is sampled of this host, read from /proc once per call; it keeps no time of its own. */
export class SampledHost {
  private readonly parts: Sampled[]
  private readonly cost: LazyTrack
  private before: number | null = null

  /** `proc` may be another folder of the same shape. */
  constructor(options: SamplerOptions, sink: SampleSink, nowNs: number, proc = '/proc') {
    const pageBytes = readPageBytes(proc)
    const machine = { pageBytes, uptime: readOrNull(join(proc, 'uptime')) ?? '', nowNs }
    const { processes, serverPort } = options
    const client = processes.find(({ role }) => role === 'client')
    const named = client && { pid: client.pid, name: nameOf(proc, client.pid) }
    this.parts = [
      new CpuSamples(proc, sink),
      new MemorySamples(proc, sink, pageBytes),
      new NetworkSamples(proc, sink),
      new DiskSamples(proc, sink),
      ...(proc === '/proc' ? RaplSamples.of(localRaplZones(), sink) : []),
      ...ThrottleSamples.of(proc, processes, sink),
      ...processes.flatMap((root) => ProcessSamples.of(proc, root, processes, sink, machine) ?? []),
      ...(named && serverPort !== null ? [new WaitingBytes(proc, named, serverPort, sink)] : []),
      ...(named && options.threadCpu ? [ThreadCpu.ofClient(proc, named, sink)] : []),
      ...(named ? [ThreadCpu.ofSampler(proc, named, sink)] : []),
    ]
    this.cost = new LazyTrack(sink, {
      layer: 'host',
      name: 'sampler_cost_ns',
      unit: 'ns',
      attrs: { role: 'client', source: 'time that one sample took to read', kind: 'delta' },
    })
  }

  sample(tNs: number): void {
    const started = performance.now()
    const dtNs = this.before === null ? null : tNs - this.before
    for (const part of this.parts) part.sample(tNs, dtNs)
    this.before = tNs
    this.cost.add(tNs, (performance.now() - started) * 1e6)
  }

  close(): void {
    for (const part of this.parts) part.close?.()
  }
}

function nameOf(proc: string, pid: number): string {
  const stat = parseProcessStat(readOrNull(join(proc, String(pid), 'stat')) ?? '')
  return processName(proc, pid, stat?.comm ?? '')
}

/** The kernel tells each process its page size in the auxiliary vector (entry 6). */
function readPageBytes(proc: string): number {
  try {
    const auxv = readFileSync(join(proc, 'self', 'auxv'))
    for (let at = 0; at + 16 <= auxv.length; at += 16) {
      if (auxv.readBigUInt64LE(at) === 6n) return Number(auxv.readBigUInt64LE(at + 8))
    }
  } catch {
    // Hidden, as in some sandboxes: nearly every machine has 4 KiB.
  }
  return 4096
}
