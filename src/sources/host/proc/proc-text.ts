/** Parsers of the texts under /proc. Pure; a text without what is asked for gives null. */

/** /proc/stat and /proc/PID/stat count time in these, 100 a second on every architecture that Node runs on. */
export const TICK_NS = 10_000_000

export interface CpuTicks {
  busy: number
  steal: number
  total: number
}

/** /proc/stat: all CPUs together, then each. Guest time is within user time, and waiting for I/O is idle time. */
export function parseCpuTicks(text: string): { all: CpuTicks; cpus: Map<string, CpuTicks> } | null {
  const cpus = new Map<string, CpuTicks>()
  for (const line of text.split('\n')) {
    if (!line.startsWith('cpu')) break
    const [name = '', ...fields] = line.trim().split(/\s+/)
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields.map(Number)
    const busy = user + nice + system + irq + softirq
    cpus.set(name, { busy, steal, total: busy + idle + iowait + steal })
  }
  const all = cpus.get('cpu')
  cpus.delete('cpu')
  return all === undefined ? null : { all, cpus }
}

export interface ProcessStat {
  comm: string
  state: string
  parent: number
  minorFaults: number
  majorFaults: number
  /** User and system time of all its threads. */
  cpuTicks: number
  threads: number
  /** Since boot. */
  startTicks: number
  rssPages: number
}

/** /proc/PID/stat. The name may hold blanks, parentheses and newlines: it ends at the last parenthesis. */
export function parseProcessStat(text: string): ProcessStat | null {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open === -1 || close < open) return null
  const fields = text
    .slice(close + 2)
    .trim()
    .split(' ')
  if (fields.length < 22) return null
  // Field 3 of proc(5), the state, is fields[0].
  const field = (number: number): number => Number(fields[number - 3])
  return {
    comm: text.slice(open + 1, close),
    state: fields[0] ?? '',
    parent: field(4),
    minorFaults: field(10),
    majorFaults: field(12),
    cpuTicks: field(14) + field(15),
    threads: field(20),
    startTicks: field(22),
    rssPages: field(24),
  }
}

/** /proc/PID/task/TID/schedstat: time on a CPU, time ready without one, times put on one. Null where it is not kept. */
export function parseSchedstat(text: string): { runNs: number; waitNs: number; switches: number } | null {
  const [runNs, waitNs, switches] = text.trim().split(/\s+/).map(Number)
  if (runNs === undefined || waitNs === undefined || switches === undefined || !Number.isFinite(runNs + waitNs))
    return null
  // A kernel without the accounting shows zeros, for threads that evidently ran.
  return runNs === 0 && waitNs === 0 ? null : { runNs, waitNs, switches }
}

/** A line `Name:   123 kB` of /proc/meminfo, /proc/PID/status or smaps, in bytes. */
export function parseKilobytes(text: string, name: string): number | null {
  const match = new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(text)
  return match === null ? null : Number(match[1]) * 1024
}

/** A line `name 123` of /proc/vmstat or a cgroup's cpu.stat. */
export function parseNamedNumber(text: string, name: string): number | null {
  const match = new RegExp(`^${name} (\\d+)$`, 'm').exec(text)
  return match === null ? null : Number(match[1])
}

/** /proc/net/dev: bytes received and sent since the interface is there. */
export function parseNetDev(text: string): Map<string, { rxBytes: number; txBytes: number }> {
  const interfaces = new Map<string, { rxBytes: number; txBytes: number }>()
  for (const line of text.split('\n')) {
    const match = /^\s*(\S+?):\s*(\d.*)$/.exec(line)
    if (match === null) continue
    const fields = (match[2] ?? '').trim().split(/\s+/).map(Number)
    interfaces.set(match[1] ?? '', { rxBytes: fields[0] ?? 0, txBytes: fields[8] ?? 0 })
  }
  return interfaces
}
