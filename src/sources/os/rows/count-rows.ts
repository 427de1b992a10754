import type { OsCount, OsSink } from '../os-messages.ts'
import type { HistogramBin } from '../output/ndjson.ts'
import type { MapSpec } from '../script/probe-file.ts'
import type { Processes } from './processes.ts'

/** One line of the timeline and how far it has been told. */
interface Line {
  readonly parts: KeyParts
  readonly of: { readonly spec: MapSpec; readonly file: string }
  readonly more: object
  /** Made with its first sample, and anew when the process runs another program. */
  track: number | null
  /** The count as last read, and as far as samples tell it. */
  total: number
  told: number
  /** Whether the sample before was not zero: a zero after it ends its step. */
  open: boolean
}

interface KeyParts {
  readonly pid: number
  readonly tid: number | null
  readonly comm: string | null
  readonly label: string | null
}

export interface CountRowsOptions {
  readonly maps: readonly { readonly spec: MapSpec; readonly file: string }[]
  readonly mapKeys: number
  readonly processes: Processes
  readonly sink: OsSink
  /** The label of a key's second part: a system call's number, a device. */
  readonly labelOf: (keyName: string, text: string) => string
  readonly startOf: (pid: number) => number | null
  /** Whether what this process did is told. */
  readonly isOurs: (pid: number) => boolean
}

/**
 * Counts that only grow, as bpftrace prints them, to samples of what was added since the one before. What still goes on
 * at a tick (a thread on a CPU, a wait) counts up to it. A count that did not move makes no row.
 */
export class CountRows {
  /** Maps that are full: what has another key is not counted. */
  readonly full = new Set<string>()
  private readonly options: CountRowsOptions
  private readonly specs: Map<string, { spec: MapSpec; file: string }>
  private readonly sinceMaps: Map<string, string>
  private readonly lines = new Map<string, Line>()
  private readonly since = new Map<string, Map<string, number>>()
  private readonly byComm = new Map<string, OsCount>()

  constructor(options: CountRowsOptions) {
    this.options = options
    this.specs = new Map(options.maps.map((each) => [each.spec.name, each]))
    this.sinceMaps = new Map(options.maps.flatMap(({ spec }) => (spec.since === null ? [] : [[spec.since, spec.name]])))
  }

  /** A map of counts, or of begins. */
  take(name: string, values: readonly (readonly [string, number])[]): void {
    if (values.length >= this.options.mapKeys) this.full.add(name)
    const counted = this.sinceMaps.get(name)
    if (counted !== undefined) {
      this.since.set(counted, new Map(values.filter(([, begunNs]) => begunNs > 0)))
      return
    }
    const known = this.specs.get(name)
    if (known === undefined || known.spec.kind !== 'total') return
    const totals = new Map<string, number>()
    for (const [key, value] of values) {
      const parts = keyParts(known.spec, key)
      if (parts === null || !this.options.isOurs(parts.pid)) continue
      if (parts.comm !== null && parts.tid !== null) {
        this.options.processes.named(parts.tid, parts.comm)
        this.countByComm(name, parts.pid, parts.comm, value, `${name},${key}`)
      }
      const line = lineKey(name, parts)
      totals.set(line, (totals.get(line) ?? 0) + value)
      this.lineOf(line, parts, known)
    }
    for (const [key, total] of totals) (this.lines.get(key) as Line).total = total
  }

  /** Tells what was added up to a tick. `bootNs` is its stamp, `tNs` the same on the monotonic clock. */
  tick(tNs: number, bootNs: number): void {
    for (const [name, begun] of this.since) {
      const known = this.specs.get(name)
      if (known === undefined) continue
      for (const key of begun.keys()) {
        const parts = keyParts(known.spec, key)
        if (parts !== null) this.lineOf(lineKey(name, parts), parts, known)
      }
    }
    for (const [key, line] of this.lines) {
      const [name = '', pid = '', tid = ''] = key.split(',')
      const begunNs = this.since.get(name)?.get(`${pid},${tid}`)
      const upTo = line.total + (begunNs === undefined ? 0 : Math.max(0, bootNs - begunNs))
      const added = Math.max(0, upTo - line.told)
      if (added === 0 && !line.open) continue
      line.told += added
      line.open = added !== 0
      line.track ??= this.trackOf(line)
      this.options.sink.sample(line.track, tNs, added)
    }
  }

  /** A process runs another program: what follows is told of that one. */
  ran(pid: number): void {
    for (const line of this.lines.values()) if (line.parts.pid === pid && !ofMachine(line.of.spec)) line.track = null
  }

  /** The bins of a histogram as counts of their own. */
  histogram(name: string, values: readonly (readonly [string, readonly HistogramBin[]])[]): void {
    const known = this.specs.get(name)
    if (known === undefined) return
    for (const [key, bins] of values) {
      for (const { min, max, count } of bins) {
        if (count === 0) continue
        const label = Number.isFinite(min) ? `${min}-${max}` : `<${max + 1}`
        const parts = { pid: Number(key), tid: null, comm: null, label }
        const line = this.lineOf(lineKey(name, parts), parts, known, { low: Math.max(0, min), high: max })
        line.total = count
      }
    }
  }

  /** What the one-liners of the seed print: counts by name of the thread and process. */
  counts(): OsCount[] {
    const sums = new Map<string, OsCount>()
    for (const count of this.byComm.values()) {
      const key = `${count.name} ${count.pid} ${count.comm}`
      sums.set(key, { ...count, value: count.value + (sums.get(key)?.value ?? 0) })
    }
    return [...sums.values()]
  }

  private countByComm(name: string, pid: number, comm: string, value: number, key: string): void {
    const before = this.byComm.get(key)
    if (before?.value !== value) this.byComm.set(key, { name, pid, comm, value })
  }

  private lineOf(key: string, parts: KeyParts, of: Line['of'], more: object = {}): Line {
    const known = this.lines.get(key)
    if (known !== undefined) return known
    const line = { parts, of, more, track: null, total: 0, told: 0, open: false }
    this.lines.set(key, line)
    return line
  }

  private trackOf({ parts: { pid, tid, label }, of: { spec, file }, more }: Line): number {
    const { processes, sink, labelOf, startOf } = this.options
    const hist = spec.kind === 'hist'
    const machine = ofMachine(spec)
    return sink.track({
      name: spec.name,
      unit: hist ? '1' : spec.unit,
      process: machine ? null : processes.process(pid),
      processStartNs: machine ? null : startOf(pid),
      thread: tid === null ? null : processes.thread(pid, tid),
      device: label === null ? null : hist ? `${label} ${spec.unit}` : labelOf(spec.keys[1] ?? '', label),
      attrs: { source: `bpf/${file}.bt @${spec.name}`, kind: 'delta', ...(machine ? { of: 'machine' } : {}), ...more },
    })
  }
}

function ofMachine({ keys }: MapSpec): boolean {
  return keys[0] !== 'pid'
}

function lineKey(name: string, { pid, tid, label }: KeyParts): string {
  return tid === null ? `${name},${pid},${label ?? ''}` : `${name},${pid},${tid}`
}

/** A key as printed, by what its parts mean; the last part may hold commas. */
function keyParts({ keys }: MapSpec, text: string): KeyParts | null {
  const parts = text.split(',')
  const pid = Number(parts[0])
  if (!Number.isFinite(pid)) return null
  if (keys[1] === 'tid') {
    const comm = keys.length > 2 ? parts.slice(2).join(',') : null
    return { pid, tid: Number(parts[1]), comm, label: null }
  }
  return { pid, tid: null, comm: null, label: keys.length > 1 ? parts.slice(1).join(',') : null }
}
