import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readOrNull } from '../proc/cgroup.ts'
import { KeptFile } from '../proc/kept-file.ts'
import { type ProcessStat, parseProcessStat, parseSchedstat, TICK_NS } from '../proc/proc-text.ts'
import { growth, LazyTrack, type Role, type Sampled, type SampleSink, type TrackSpec } from './samples.ts'

/** The folder /proc, or one that holds the texts of another machine's. */
export type ProcFolder = string | { read(path: string): string | null; list(path: string): string[] }

function readProc(proc: ProcFolder, ...path: string[]): string | null {
  return typeof proc === 'string' ? readOrNull(join(proc, ...path)) : proc.read(join('/proc', ...path))
}

export interface ProcessRoot {
  pid: number
  role: Exclude<Role, 'machine'>
}

/** Threads are looked at, and children looked for, this often: most of what a sample costs, and finer it tells little … */
const CLOSER_NS = 50e6
/** … and past so many threads more seldom. */
const MANY_THREADS = 64
const SELDOM_NS = 1e9

interface ThreadTimes {
  waitNs: number
  switches: number
}

/**
 * A process and its descendants, summed; a descendant that is a root itself is excluded. Of a client the queue wait is
 * that of its first thread, where its event loop runs; of an engine, of all its threads.
 */
export class ProcessSamples implements Sampled {
  private readonly proc: ProcFolder
  private readonly root: ProcessRoot
  private readonly otherRoots: ReadonlySet<number>
  private readonly pageBytes: number
  private readonly tracks
  private readonly start: number
  private processes = new Map<number, ProcessStat>()
  private members: number[] = []
  private readonly stats = new Map<number, KeptFile>()
  /** Descendants that were named but could not be read. */
  private unread: number[] = []
  private threads = new Map<string, ThreadTimes>()
  /** When the threads were looked at last. */
  private threadsNs: number | null = null
  private samples = 0
  /** When threads were looked at last, and children looked for; whether the next sample does. */
  private closerNs = 0
  private isCloser = true

  /** Null where there is no such process. `uptime` is the text of /proc/uptime at run time `nowNs`. */
  static of(
    proc: ProcFolder,
    root: ProcessRoot,
    roots: readonly ProcessRoot[],
    sink: SampleSink,
    machine: { pageBytes: number; uptime: string; nowNs: number },
  ): ProcessSamples | null {
    const stat = readProcessStat(proc, root.pid)
    return stat === null ? null : new ProcessSamples(proc, root, roots, sink, machine, stat)
  }

  private constructor(
    proc: ProcFolder,
    root: ProcessRoot,
    roots: readonly ProcessRoot[],
    sink: SampleSink,
    machine: { pageBytes: number; uptime: string; nowNs: number },
    stat: ProcessStat,
  ) {
    this.proc = proc
    this.root = root
    this.otherRoots = new Set(roots.map(({ pid }) => pid).filter((pid) => pid !== root.pid))
    this.pageBytes = machine.pageBytes
    this.start = stat.startTicks
    const process = `${root.pid} ${processName(proc, root.pid, stat.comm)}`
    const processStartNs = machine.nowNs - (Number.parseFloat(machine.uptime) * 1e9 - stat.startTicks * TICK_NS)
    const track = (name: string, unit: string, field: string, kind: TrackSpec['attrs']['kind'], more = {}): LazyTrack =>
      new LazyTrack(sink, {
        layer: 'host',
        name,
        unit,
        process,
        ...(Number.isFinite(processStartNs) ? { processStartNs } : {}),
        ...(name === 'run_queue_wait_ns' && root.role === 'client' ? { thread: `${root.pid} ${stat.comm}` } : {}),
        attrs: { role: root.role, source: `/proc/${root.pid}/${field}`, kind, with_children: true, ...more },
      })
    const waits = root.role === 'client' ? { with_children: false } : { threads: 'all' }
    this.tracks = {
      cores: track('cpu_cores', 'cores', 'stat utime+stime', 'mean', { tick_ms: 10 }),
      helpers: track('helper_cpu_cores', 'cores', 'stat utime+stime of its descendants', 'mean', { tick_ms: 10 }),
      rss: track('rss_bytes', 'bytes', 'stat rss', 'gauge'),
      threads: track('threads', '1', 'stat num_threads', 'gauge'),
      minorFaults: track('minor_faults', '1', 'stat minflt', 'delta'),
      majorFaults: track('major_faults', '1', 'stat majflt', 'delta'),
      stopped: track('stopped_processes', '1', 'stat state T or t', 'gauge'),
      wait: track('run_queue_wait_ns', 'ns', 'task/*/schedstat 2', 'delta', waits),
      waitAny: track('run_queue_wait_any_ns', 'ns', 'task/*/schedstat 2', 'delta', {
        ...waits,
        estimate: 'of the waits of threads, were they independent',
      }),
      switches: track('context_switches', '1', 'task/*/schedstat 3', 'delta', waits),
    }
  }

  sample(tNs: number, dtNs: number | null): void {
    const threadCount = [...this.processes.values()].reduce((sum, stat) => sum + stat.threads, 0)
    const first = this.samples++ === 0
    const looksCloser = this.isCloser
    if (looksCloser) this.closerNs = tNs
    // When the next one will come, or half a period later: the transport must know what the sampler reads. A late
    // sample and the one right after it do not change the period, and delay a look by at most one sample.
    const nextNs = tNs + 1.5 * (dtNs ?? CLOSER_NS)
    this.isCloser = nextNs - this.closerNs >= (threadCount > MANY_THREADS ? SELDOM_NS : CLOSER_NS)
    const now = looksCloser ? this.walk() : this.reread()
    this.members = [...now.keys()]
    const sum = (
      count: (stat: ProcessStat, before: ProcessStat | null) => number,
      of: readonly (readonly [number, ProcessStat])[] = [...now],
    ): number | null =>
      of.length === 0 ? null : of.reduce((total, [pid, stat]) => total + count(stat, this.seenBefore(pid, stat)), 0)
    // A process found just now began since the last look, and its counts with it; unless the look was not at all.
    const added = (field: 'cpuTicks' | 'minorFaults' | 'majorFaults', of = [...now]): number | null =>
      first || dtNs === null
        ? null
        : sum((stat, before) => {
            if (before !== null) return Math.max(0, stat[field] - before[field])
            return threadCount <= MANY_THREADS ? stat[field] : 0
          }, of)
    const cores = (ticks: number | null): number | null =>
      ticks === null || dtNs === null ? null : (ticks * TICK_NS) / dtNs
    this.tracks.cores.add(tNs, cores(added('cpuTicks')))
    // What the client started samples for it: nvidia-smi, ssh. An engine's children are the engine.
    const helpers = [...now].filter(([pid]) => pid !== this.root.pid)
    if (this.root.role === 'client') this.tracks.helpers.add(tNs, cores(added('cpuTicks', helpers)))
    this.tracks.minorFaults.add(tNs, added('minorFaults'))
    this.tracks.majorFaults.add(tNs, added('majorFaults'))
    this.tracks.rss.add(
      tNs,
      sum((stat) => stat.rssPages * this.pageBytes),
    )
    this.tracks.threads.add(
      tNs,
      sum((stat) => stat.threads),
    )
    this.tracks.stopped.add(
      tNs,
      sum(({ state }) => (/^[Tt]$/.test(state) ? 1 : 0)),
    )
    this.processes = now
    if (looksCloser || this.root.role === 'client') this.sampleThreads(tNs, first)
  }

  /** What the next sample reads, `*` for all of a folder: for the transport that has to fetch the texts. */
  get paths(): string[] {
    const closer = this.isCloser
    // The first look is at all there is: what belongs to the root is not known yet.
    const pids = this.samples === 0 ? ['[0-9]*'] : [...this.members, ...this.unread].map(String)
    return pids.flatMap((pid) => [
      `/proc/${pid}/stat`,
      ...(closer ? [`/proc/${pid}/task/*/children`, `/proc/${pid}/task/*/schedstat`] : []),
    ])
  }

  private seenBefore(pid: number, stat: ProcessStat): ProcessStat | null {
    const before = this.processes.get(pid)
    return before?.startTicks === stat.startTicks ? before : null
  }

  private sampleThreads(tNs: number, first: boolean): void {
    const now = new Map<string, ThreadTimes>()
    for (const pid of this.root.role === 'client' ? this.members.slice(0, 1) : this.members) {
      const tids = this.root.role === 'client' ? [String(pid)] : threadIds(this.proc, pid)
      for (const tid of tids) {
        const parsed = parseSchedstat(readProc(this.proc, String(pid), 'task', tid, 'schedstat') ?? '')
        if (parsed !== null) now.set(tid, parsed)
      }
    }
    const added = (field: keyof ThreadTimes): number | null =>
      first || now.size === 0
        ? null
        : [...now].reduce(
            (sum, [tid, times]) => sum + (growth(times[field], this.threads.get(tid)?.[field] ?? 0) ?? 0),
            0,
          )
    this.tracks.wait.add(tNs, added('waitNs'))
    if (this.root.role === 'engine') this.tracks.waitAny.add(tNs, this.waitedAny(tNs, now))
    this.tracks.switches.add(tNs, added('switches'))
    this.threads = now
    this.threadsNs = tNs
  }

  /** Time since the last look in which some thread waited. Which waits coincided is not known: as many as of independent ones. */
  private waitedAny(tNs: number, now: ReadonlyMap<string, ThreadTimes>): number | null {
    if (this.threadsNs === null || now.size === 0) return null
    const spanNs = tNs - this.threadsNs
    let none = 1
    for (const [tid, { waitNs }] of now) {
      none *= 1 - Math.min(1, (growth(waitNs, this.threads.get(tid)?.waitNs ?? 0) ?? 0) / spanNs)
    }
    return spanNs * (1 - none)
  }

  /** The root and its descendants as they are now, the root first; empty once it has ended. */
  private walk(): Map<number, ProcessStat> {
    const found = new Map<number, ProcessStat>()
    const waiting = [this.root.pid]
    this.unread = []
    for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
      if (found.has(pid) || this.otherRoots.has(pid)) continue
      const stat = this.read(pid)
      if (stat === null) {
        this.unread.push(pid)
        continue
      }
      found.set(pid, stat)
      for (const tid of threadIds(this.proc, pid)) {
        const children = readProc(this.proc, String(pid), 'task', tid, 'children') ?? ''
        waiting.push(...children.trim().split(' ').filter(Boolean).map(Number))
      }
    }
    return found
  }

  private reread(): Map<number, ProcessStat> {
    return new Map(
      this.members.flatMap((pid) => {
        const stat = this.read(pid)
        return stat === null ? [] : [[pid, stat] as const]
      }),
    )
  }

  private read(pid: number): ProcessStat | null {
    const text =
      typeof this.proc === 'string' ? this.keptStat(this.proc, pid) : readProc(this.proc, String(pid), 'stat')
    const stat = aliveStat(text)
    return pid === this.root.pid && stat?.startTicks !== this.start ? null : stat
  }

  /** Opening it anew costs more than reading it. */
  private keptStat(proc: string, pid: number): string | null {
    let file = this.stats.get(pid)
    if (file === undefined) {
      file = new KeptFile(join(proc, String(pid), 'stat'))
      this.stats.set(pid, file)
    }
    const text = file.read()
    if (text === null) this.stats.delete(pid)
    return text
  }

  close(): void {
    for (const file of this.stats.values()) file.close()
    this.stats.clear()
  }
}

function readProcessStat(proc: ProcFolder, pid: number): ProcessStat | null {
  return aliveStat(readProc(proc, String(pid), 'stat'))
}

/** Null where there is none or it has ended; a zombie has ended. */
function aliveStat(text: string | null): ProcessStat | null {
  const stat = parseProcessStat(text ?? '')
  return stat === null || stat.state === 'Z' ? null : stat
}

function threadIds(proc: ProcFolder, pid: number): string[] {
  if (typeof proc !== 'string') return proc.list(`/proc/${pid}/task`)
  try {
    return readdirSync(join(proc, String(pid), 'task'))
  } catch {
    return []
  }
}

/**
 * The program's name as it was started, or as it calls itself; arguments are omitted, because they may hold secrets.
 */
export function processName(proc: ProcFolder, pid: number, comm: string): string {
  const [program = ''] = (readProc(proc, String(pid), 'cmdline') ?? '').split('\0')
  return basename(program.trim().split(' ')[0] ?? '').slice(0, 64) || comm
}
