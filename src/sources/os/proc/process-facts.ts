import { closeSync, openSync, readSync } from 'node:fs'
import { readOrNull } from '../../host/proc/cgroup.ts'
import { parseKilobytes } from '../../host/proc/proc-text.ts'
import type { ProcTracks } from './proc-tracks.ts'

/** Where it may run changes seldom, and NUMA maps are long. */
const PLACEMENT_EVERY_NS = 5e9

/**
 * What no probe reports about a process: what it may use of the machine, where its memory lies, what storage it had to
 * be read from, how much is locked. /proc shows other users' processes only in part: what cannot be read is omitted.
 */
export class ProcessFacts {
  /** Files that could not be read, of any process. */
  readonly refused = new Set<string>()
  private readonly tracks: ProcTracks
  private readonly placedNs = new Map<number, number>()
  /** The file of each process's I/O, open; null where it could not be. It is read at every look: opening it costs more than reading. */
  private readonly io = new Map<number, number | null>()
  private readonly buffer = Buffer.alloc(1024)

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
    for (const pid of [...this.io.keys()]) this.forget(pid)
  }

  /** A process is gone. */
  forget(pid: number): void {
    const file = this.io.get(pid)
    if (typeof file === 'number') closeSync(file)
    this.io.delete(pid)
  }

  private storage(tNs: number, pid: number, isNew: boolean): void {
    const bytes = /^read_bytes: (\d+)$/m.exec(this.readIo(pid) ?? '')?.[1]
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

  private readIo(pid: number): string | null {
    let file = this.io.get(pid)
    if (file === undefined) {
      file = openOrNull(`/proc/${pid}/io`)
      if (file === null && readOrNull(`/proc/${pid}/stat`) !== null) this.refused.add('io')
      this.io.set(pid, file)
    }
    if (file === null) return null
    try {
      return this.buffer.toString('latin1', 0, readSync(file, this.buffer, 0, this.buffer.length, 0))
    } catch {
      // Opening was allowed, reading is asked anew; or it has ended.
      if (readOrNull(`/proc/${pid}/stat`) !== null) this.refused.add('io')
      this.forget(pid)
      return null
    }
  }

  private read(pid: number, name: string): string | null {
    const text = readOrNull(`/proc/${pid}/${name}`)
    if (text === null && readOrNull(`/proc/${pid}/stat`) !== null) this.refused.add(name)
    return text
  }
}

function openOrNull(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch {
    return null
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
