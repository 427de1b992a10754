import type { OsCount, OsSink } from '../os-messages.ts'
import type { HistogramBin } from '../output/ndjson.ts'
import type { MapSpec } from '../script/probe-file.ts'
import type { Processes } from './processes.ts'

/** A start with a state holds it in bits 4 to 6: so a double holds both, for years. */
const SINCE_STEP = 128
const STATE_STEP = 16

/** One line of the timeline, and how far it has been written. */
interface Line {
  readonly parts: KeyParts
  readonly of: { readonly spec: MapSpec; readonly file: string }
  readonly more: object
  /** Made with its first sample, and again when the process runs another program. */
  track: number | null
  /** The count as last read, and the part of it that samples cover. */
  total: number
  told: number
  /** Start of the current state, on the probes' clock; 0: none. */
  begunNs: number
  /** Whether the sample before was not zero: a zero after it ends its step. */
  open: boolean
}

interface KeyParts {
  readonly pid: number
  readonly tid: number | null
  readonly comm: string | null
  /** The second of a pair of names. */
  readonly next?: string
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
  /** Whether the actions of this process are reported. */
  readonly isOurs: (pid: number) => boolean
}

/** A key of a map as printed: the line that it counts for, and its value when last read. */
interface Entry {
  readonly line: Line
  /** Its name in the one-liners' output; null without a name of a thread. */
  readonly count: Omit<OsCount, 'value'> | null
  value: number
}

/** A map of counts, or a map of starts with the lines that each of its keys continues in. */
interface CountMap {
  readonly spec: MapSpec
  readonly file: string
  readonly entries: Map<string, Entry>
}
interface SinceMap {
  readonly totals: readonly { readonly states: readonly number[] | null; readonly of: CountMap }[]
  readonly entries: Map<
    string,
    { readonly goOn: readonly { line: Line; states: readonly number[] | null }[]; value: number }
  >
}

/**
 * Counts that only grow, as bpftrace prints them, to samples of what was added since the one before. A state that
 * continues at a tick (a thread on a CPU, a wait) counts up to it. An unchanged count makes no row, and need not be
 * printed.
 */
export class CountRows {
  /** Full maps: further keys are not counted. */
  readonly full = new Set<string>()
  private readonly options: CountRowsOptions
  private readonly maps: Map<string, CountMap>
  private readonly sinceMaps = new Map<string, SinceMap>()
  private readonly lines = new Map<string, Line>()

  constructor(options: CountRowsOptions) {
    this.options = options
    this.maps = new Map(options.maps.map(({ spec, file }) => [spec.name, { spec, file, entries: new Map() }]))
    for (const of of this.maps.values()) {
      if (of.spec.since === null) continue
      const { map, states } = of.spec.since
      const others = this.sinceMaps.get(map)?.totals ?? []
      this.sinceMaps.set(map, { totals: [...others, { states, of }], entries: new Map() })
    }
  }

  /** A map of counts, or of starts. */
  take(name: string, values: readonly (readonly [string, number])[]): void {
    if (values.length >= this.options.mapKeys) this.full.add(name)
    const since = this.sinceMaps.get(name)
    if (since !== undefined) {
      this.takeBegins(since, values)
      return
    }
    const known = this.maps.get(name)
    if (known === undefined || known.spec.kind !== 'total') return
    for (const [key, value] of values) {
      const entry = this.entryOf(known, key)
      if (entry === null || entry.value === value) continue
      entry.line.total += value - entry.value
      entry.value = value
    }
  }

  private takeBegins({ totals, entries }: SinceMap, values: readonly (readonly [string, number])[]): void {
    for (const [key, value] of values) {
      let entry = entries.get(key)
      if (entry?.value === value) continue
      if (entry === undefined) {
        const goOn = totals.flatMap(({ states, of }) => {
          const parts = keyParts(of.spec, key)
          return parts === null ? [] : [{ states, line: this.lineOf(lineKey(of.spec.name, parts), parts, of) }]
        })
        entry = { goOn, value }
        entries.set(key, entry)
      }
      entry.value = value
      for (const { line, states } of entry.goOn) line.begunNs = begunNs(value, states)
    }
  }

  private entryOf(known: CountMap, key: string): Entry | null {
    const entry = known.entries.get(key)
    if (entry !== undefined) return entry
    const parts = keyParts(known.spec, key)
    // A process that is not part of the target may join it later.
    if (parts === null || !this.options.isOurs(parts.pid)) return null
    const { pid, tid, comm, next } = parts
    if (comm !== null && tid !== null) this.options.processes.named(tid, comm)
    const { name } = known.spec
    const line = this.lineOf(lineKey(name, parts), parts, known)
    const pair = next === undefined ? {} : { next_comm: next }
    const made = { line, count: comm === null ? null : { name, pid, comm, ...pair }, value: 0 }
    known.entries.set(key, made)
    return made
  }

  /** Writes what was added up to a tick. `bootNs` is its stamp, `tNs` the same on the monotonic clock. */
  tick(tNs: number, bootNs: number): void {
    for (const line of this.lines.values()) {
      const upTo = line.total + (line.begunNs === 0 ? 0 : Math.max(0, bootNs - line.begunNs))
      const added = Math.max(0, upTo - line.told)
      if (added === 0 && !line.open) continue
      line.told += added
      line.open = added !== 0
      line.track ??= this.trackOf(line)
      this.options.sink.sample(line.track, tNs, added)
    }
  }

  /** A process runs another program: what follows is reported under that name. */
  ran(pid: number): void {
    for (const line of this.lines.values()) if (line.parts.pid === pid && !ofMachine(line.of.spec)) line.track = null
  }

  /** The bins of a histogram as separate counts. */
  histogram(name: string, values: readonly (readonly [string, readonly HistogramBin[]])[]): void {
    const known = this.maps.get(name)
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

  /** The output of the original one-liners: counts by name of the thread and process. */
  counts(): OsCount[] {
    const sums = new Map<string, OsCount>()
    for (const { entries } of this.maps.values()) {
      for (const { count, value } of entries.values()) {
        if (count === null) continue
        const key = countKey(count)
        sums.set(key, { ...count, value: value + (sums.get(key)?.value ?? 0) })
      }
    }
    return [...sums.values()]
  }

  private lineOf(key: string, parts: KeyParts, of: Line['of'], more: object = {}): Line {
    const known = this.lines.get(key)
    if (known !== undefined) return known
    const line = { parts, of, more, track: null, total: 0, told: 0, begunNs: 0, open: false }
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

/** When the current state started, of a value in a map of starts; 0 if another state is active. */
function begunNs(value: number, states: readonly number[] | null): number {
  if (states === null) return value
  const state = Math.floor((value % SINCE_STEP) / STATE_STEP)
  return states.includes(state) ? value - (value % SINCE_STEP) : 0
}

/** The identity of a count, as one text. */
export function countKey({ name, pid, comm, next_comm }: Omit<OsCount, 'value'>): string {
  return JSON.stringify([name, pid, comm, next_comm])
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
  if (keys[1] === 'prev_comm') {
    // A name may hold commas: assuming that only the first of two names does is the best guess.
    const [next = '', comm] = [parts.at(-1), parts.slice(1, -1).join(',')]
    return { pid, tid: null, comm, next, label: `${comm} -> ${next}` }
  }
  return { pid, tid: null, comm: null, label: keys.length > 1 ? parts.slice(1).join(',') : null }
}
