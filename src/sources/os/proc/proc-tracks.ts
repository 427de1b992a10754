import type { OsSink } from '../os-messages.ts'
import type { Processes } from '../rows/processes.ts'

export interface ProcValue {
  readonly pid: number
  readonly tid?: number
  readonly device?: string
  readonly name: string
  readonly unit: string
  /** The file and field, below /proc/PID. */
  readonly field: string
  readonly more?: object
}

/** Values of /proc as tracks: totals as what was added, gauges as they change. */
export class ProcTracks {
  private readonly sink: OsSink
  private readonly processes: Processes
  private readonly startOf: (pid: number) => number | null
  private readonly tracks = new Map<string, number>()
  private readonly before = new Map<string, number>()
  private readonly open = new Set<string>()

  constructor(sink: OsSink, processes: Processes, startOf: (pid: number) => number | null) {
    this.sink = sink
    this.processes = processes
    this.startOf = startOf
  }

  /** A total that only grows: its first value is where counting begins, or 0 of what began since the last look. */
  total(tNs: number, value: ProcValue, total: number, isNew = false): number {
    const key = keyOf(value)
    const known = this.before.get(key)
    const added = Math.max(0, total - (known ?? (isNew ? 0 : total)))
    this.before.set(key, total)
    // The first look makes the track: nothing added is not the same as nothing known.
    if (known !== undefined && added === 0 && !this.open.delete(key)) return 0
    if (added > 0) this.open.add(key)
    this.sink.sample(this.trackOf(key, value, 'delta'), tNs, added)
    return added
  }

  /** A value then; only where it differs from the one before. */
  gauge(tNs: number, value: ProcValue, now: number): void {
    const key = keyOf(value)
    if (this.before.get(key) === now) return
    this.before.set(key, now)
    this.sink.sample(this.trackOf(key, value, 'gauge'), tNs, now)
  }

  private trackOf(
    key: string,
    { pid, tid, device, name, unit, field, more = {} }: ProcValue,
    kind: 'delta' | 'gauge',
  ): number {
    let track = this.tracks.get(key)
    if (track === undefined) {
      track = this.sink.track({
        name,
        unit,
        process: this.processes.process(pid),
        processStartNs: this.startOf(pid),
        thread: tid === undefined ? null : this.processes.thread(pid, tid),
        device: device ?? null,
        attrs: { source: `/proc/${pid}/${field}`, kind, ...more },
      })
      this.tracks.set(key, track)
    }
    return track
  }
}

function keyOf({ pid, tid, device, name }: ProcValue): string {
  return `${pid} ${tid ?? ''} ${name} ${device ?? ''}`
}
