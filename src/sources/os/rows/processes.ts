import { readdirSync, readlinkSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { namesOrNone, readOrNull } from '../../host/proc/cgroup.ts'
import { parseProcessStat, TICK_NS } from '../../host/proc/proc-text.ts'

/** The names of processes and threads, from /proc while they live, and from the probes' reports. */
export class Processes {
  private readonly names = new Map<number, string>()
  private readonly threads = new Map<number, string>()

  /** `pid name` */
  process(pid: number): string {
    let name = this.names.get(pid)
    if (name === undefined) {
      name = readOrNull(`/proc/${pid}/comm`)?.trim() ?? ''
      if (name !== '') this.names.set(pid, name)
    }
    return `${pid} ${name}`.trim()
  }

  /** `tid name` */
  thread(pid: number, tid: number): string {
    let name = this.threads.get(tid)
    if (name === undefined) {
      name = readOrNull(`/proc/${pid}/task/${tid}/comm`)?.trim() ?? ''
      if (name !== '') this.threads.set(tid, name)
    }
    return `${tid} ${name}`.trim()
  }

  /** A probe saw a thread under this name. */
  named(tid: number, comm: string): void {
    this.threads.set(tid, comm)
  }

  comm(pid: number, tid: number): string {
    return this.thread(pid, tid).replace(/^\d+ ?/, '')
  }

  /** A process started another, which has its name until it takes its own. */
  forked(child: number, name: string): void {
    this.names.set(child, name)
    this.threads.delete(child)
  }

  /** A process runs another program. */
  ran(pid: number, path: string): void {
    this.names.set(pid, basename(path).slice(0, 64))
    this.threads.delete(pid)
  }

  known(): number[] {
    return [...this.names.keys()]
  }
}

/** A process's start on the monotonic clock, to its tick of 10 ms; null where it is gone. */
export function processStartNs(pid: number, monotonicNowNs: number): number | null {
  const stat = parseProcessStat(readOrNull(`/proc/${pid}/stat`) ?? '')
  const uptime = Number.parseFloat(readOrNull('/proc/uptime') ?? '')
  return stat === null || Number.isNaN(uptime) ? null : monotonicNowNs - (uptime * 1e9 - stat.startTicks * TICK_NS)
}

/** Processes with all that descend from them now. */
export function withDescendants(pids: readonly number[]): number[] {
  const found = new Set<number>()
  const waiting = [...pids]
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    if (found.has(pid)) continue
    found.add(pid)
    for (const tid of threadsOf(pid)) {
      const children = readOrNull(`/proc/${pid}/task/${tid}/children`) ?? ''
      waiting.push(...children.split(' ').filter(Boolean).map(Number))
    }
  }
  return [...found]
}

/** The processes of a cgroup and of the cgroups below it. */
export function cgroupProcesses(folder: string): number[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return cgroupProcesses(join(folder, entry.name))
      if (entry.name !== 'cgroup.procs') return []
      return (readOrNull(join(folder, entry.name)) ?? '').split('\n').filter(Boolean).map(Number)
    })
  } catch {
    return []
  }
}

export function threadsOf(pid: number): number[] {
  return namesOrNone(`/proc/${pid}/task`).map(Number)
}

/** What a descriptor of a process refers to; null if unknown. */
export function descriptorPath(pid: number, fd: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch {
    return null
  }
}

/** The descriptors of a process that lead to GPU devices. */
export function gpuDescriptors(pid: number): { pid: number; fd: number }[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
      .map(Number)
      .filter((fd) => descriptorPath(pid, fd)?.startsWith('/dev/nvidia') ?? false)
      .map((fd) => ({ pid, fd }))
  } catch {
    return []
  }
}

/** The files that a process has mapped. */
export function mappedFiles(pid: number): string[] {
  const maps = readOrNull(`/proc/${pid}/maps`) ?? ''
  return [...new Set(maps.match(/(?<= )\/.*$/gm) ?? [])]
}

/** Files that hold weights, by their names and least size: other files have such names too. */
export const WEIGHTS = /\.(safetensors|gguf|ggml|bin|pt|pth|onnx|npz)$/i
const WEIGHTS_BYTES = 2 ** 20

export function isWeights(path: string): boolean {
  return WEIGHTS.test(path) && (statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= WEIGHTS_BYTES
}
