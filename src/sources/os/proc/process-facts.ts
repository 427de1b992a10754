import { readOrNull } from '../../host/proc/cgroup.ts'
import { parseKilobytes } from '../../host/proc/proc-text.ts'
import type { ProcTracks } from './proc-tracks.ts'

/** Where it may run changes seldom, and NUMA maps are long. */
const PLACEMENT_EVERY_NS = 5e9

/**
 * What no probe tells of a process: what it may use of the machine and where its memory lies, what storage it had to be
 * read from, how much is locked. /proc shows other users' processes in part only: what cannot be read is left out.
 */
export class ProcessFacts {
  /** Files that could not be read, of any process. */
  readonly refused = new Set<string>()
  private readonly tracks: ProcTracks
  private readonly placedNs = new Map<number, number>()

  constructor(tracks: ProcTracks) {
    this.tracks = tracks
  }

  sample(tNs: number, pid: number, isNew: boolean): void {
    this.storage(tNs, pid, isNew)
    const placedNs = this.placedNs.get(pid)
    if (placedNs !== undefined && tNs - placedNs < PLACEMENT_EVERY_NS) return
    this.placedNs.set(pid, tNs)
    this.placement(tNs, pid)
  }

  /** The last look, for what is looked at seldom. */
  end(tNs: number): void {
    for (const pid of this.placedNs.keys()) this.placement(tNs, pid)
  }

  private storage(tNs: number, pid: number, isNew: boolean): void {
    const io = this.read(pid, 'io')
    const bytes = /^read_bytes: (\d+)$/m.exec(io ?? '')?.[1]
    if (bytes === undefined) return
    const value = { pid, name: 'storage_read_bytes', unit: 'bytes', field: 'io read_bytes' }
    this.tracks.total(tNs, value, Number(bytes), isNew)
  }

  private placement(tNs: number, pid: number): void {
    const status = this.read(pid, 'status')
    if (status === null) return
    const cpus = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1]
    const nodes = /^Mems_allowed_list:\s*(\S+)$/m.exec(status)?.[1]
    const cpuset = /^(?:\d+:[^:]*\bcpuset\b[^:]*|0:):(.*)$/m.exec(this.read(pid, 'cgroup') ?? '')?.[1] ?? null
    if (cpus !== undefined) {
      const more = { cpus, numa_nodes: nodes ?? null, cpuset }
      this.tracks.gauge(
        tNs,
        { pid, name: 'cpus_allowed', unit: '1', field: 'status Cpus_allowed_list', more },
        countOf(cpus),
      )
    }
    const locked = parseKilobytes(status, 'VmLck')
    if (locked !== null)
      this.tracks.gauge(tNs, { pid, name: 'locked_bytes', unit: 'bytes', field: 'status VmLck' }, locked)
    for (const [node, bytes] of bytesByNode(this.read(pid, 'numa_maps') ?? '')) {
      const value = { pid, name: 'numa_resident_bytes', unit: 'bytes', field: 'numa_maps', device: `node ${node}` }
      this.tracks.gauge(tNs, value, bytes)
    }
  }

  private read(pid: number, name: string): string | null {
    const text = readOrNull(`/proc/${pid}/${name}`)
    if (text === null && readOrNull(`/proc/${pid}/stat`) !== null) this.refused.add(name)
    return text
  }
}

/** How many numbers a list like `0-3,8` names. */
export function countOf(list: string): number {
  return list.split(',').reduce((sum, part) => {
    const [from, to = from] = part.split('-').map(Number)
    return sum + (to as number) - (from as number) + 1
  }, 0)
}

/** Resident bytes by NUMA node, of the text of numa_maps. */
export function bytesByNode(text: string): Map<number, number> {
  const bytes = new Map<number, number>()
  for (const line of text.split('\n')) {
    const pageBytes = Number(/kernelpagesize_kB=(\d+)/.exec(line)?.[1] ?? 4) * 1024
    for (const [, node, pages] of line.matchAll(/ N(\d+)=(\d+)/g)) {
      bytes.set(Number(node), (bytes.get(Number(node)) ?? 0) + Number(pages) * pageBytes)
    }
  }
  return bytes
}
