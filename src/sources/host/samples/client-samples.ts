import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { namesOrNone, readOrNull } from '../proc/cgroup.ts'
import { parseProcessStat, parseSchedstat, TICK_NS } from '../proc/proc-text.ts'
import { parseTcpTable } from '../proc/tcp-table.ts'
import { growth, LazyTrack, type Sampled, type SampleSink, type TrackSpec } from './samples.ts'

const WAITING_PERIOD_NS = 500e6
/** The kernel walks its whole table of connections for a read, tens of ms on large machines: at most this share of a CPU. */
const WAITING_SHARE = 0.005
const THREAD_WINDOW_NS = 1e9

/** Bytes that arrived from the server's port and that the client has not read yet, over all its sockets; twice a second at most. */
export class WaitingBytes implements Sampled {
  private readonly proc: string
  private readonly pid: number
  private readonly port: number
  private readonly track: LazyTrack
  private tables: readonly string[] = ['tcp', 'tcp6']
  private dueNs = Number.NEGATIVE_INFINITY

  constructor(proc: string, client: { pid: number; name: string }, port: number, sink: SampleSink) {
    this.proc = proc
    this.pid = client.pid
    this.port = port
    this.track = new LazyTrack(sink, {
      layer: 'client',
      name: 'bytes_waiting',
      unit: 'bytes',
      process: `${client.pid} ${client.name}`,
      attrs: {
        role: 'client',
        source: `/proc/net/tcp rx_queue, remote port ${port}`,
        kind: 'gauge',
        least_period_ms: 500,
      },
    })
  }

  sample(tNs: number): void {
    if (tNs < this.dueNs) return
    const started = performance.now()
    const texts = this.tables.map((name) => readOrNull(join(this.proc, 'self', 'net', name)))
    this.dueNs = tNs + Math.max(WAITING_PERIOD_NS, ((performance.now() - started) * 1e6) / WAITING_SHARE)
    if (texts.every((text) => text === null)) return
    const sockets = texts.map((text) =>
      parseTcpTable(text ?? '').filter((socket) => socket.remotePort === this.port && !socket.listening),
    )
    // One server has one address: once its connections are seen in one table, the other need not be read.
    const used = this.tables.filter((_, i) => sockets[i]?.length)
    if (used.length === 1) this.tables = used
    const waiting = sockets.flat().filter((socket) => socket.rxQueue > 0)
    // Another program may talk to the same port; whose a socket is costs a look at every file we hold.
    const own = waiting.length === 0 ? new Set<string>() : socketInodes(this.proc, this.pid)
    this.track.add(
      tNs,
      waiting.reduce((sum, socket) => sum + (own.has(socket.inode) ? socket.rxQueue : 0), 0),
    )
  }
}

/** CPU time of one thread, by its folder in /proc, over windows of a second. */
export class ThreadCpu implements Sampled {
  private readonly folder: string
  private readonly track: LazyTrack
  private before: { tNs: number; cpuNs: number } | null = null

  constructor(folder: string, spec: Omit<TrackSpec, 'unit' | 'attrs'>, sink: SampleSink) {
    this.folder = folder
    this.track = new LazyTrack(sink, {
      ...spec,
      unit: 'cores',
      attrs: { role: 'client', source: `${folder}/schedstat 1`, kind: 'mean', window_ms: 1000 },
    })
  }

  /** The client's first thread, which its event loop runs in, where Node itself cannot tell. */
  static ofClient(proc: string, client: { pid: number; name: string }, sink: SampleSink): ThreadCpu {
    const name = `${client.pid} ${client.name}`
    const folder = join(proc, String(client.pid), 'task', String(client.pid))
    return new ThreadCpu(folder, { layer: 'client', name: 'thread_cpu_cores', process: name, thread: name }, sink)
  }

  /** The thread that calls: what sampling this host takes. */
  static ofSampler(proc: string, client: { pid: number; name: string }, sink: SampleSink): ThreadCpu {
    const process = `${client.pid} ${client.name}`
    return new ThreadCpu(join(proc, 'thread-self'), { layer: 'host', name: 'sampler_cpu_cores', process }, sink)
  }

  sample(tNs: number): void {
    if (this.before !== null && tNs - this.before.tNs < THREAD_WINDOW_NS) return
    const cpuNs = this.cpuNs()
    if (cpuNs === null) return
    if (this.before !== null) {
      const added = growth(cpuNs, this.before.cpuNs)
      this.track.add(tNs, added === null ? null : added / (tNs - this.before.tNs))
    }
    this.before = { tNs, cpuNs }
  }

  private cpuNs(): number | null {
    const exact = parseSchedstat(readOrNull(join(this.folder, 'schedstat')) ?? '')
    if (exact !== null) return exact.runNs
    const stat = parseProcessStat(readOrNull(join(this.folder, 'stat')) ?? '')
    return stat === null ? null : stat.cpuTicks * TICK_NS
  }
}

/** Inodes of the sockets that a process holds; empty where its files cannot be read. */
export function socketInodes(proc: string, pid: number): Set<string> {
  const inodes = new Set<string>()
  const folder = join(proc, String(pid), 'fd')
  for (const fd of namesOrNone(folder)) {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkOrEmpty(join(folder, fd)))?.[1]
    if (inode !== undefined) inodes.add(inode)
  }
  return inodes
}

function readlinkOrEmpty(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
