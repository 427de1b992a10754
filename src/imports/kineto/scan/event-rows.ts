import {
  BATCH_ROWS,
  type CounterColumns,
  type EventColumns,
  NONE,
  newColumns,
  newCounterColumns,
} from './event-columns.ts'
import { decodeText, NameTable } from './name-table.ts'
import type { ScanCounts, ScanOptions, ScanSink } from './scan-types.ts'
import { stepOf } from './step-name.ts'

const CACHE = 256
/** Strings used as pid or tid lie beyond every number that is one. */
const LABEL_BASE = 2 ** 48
/** Larger us do not keep their last digit in a double. */
const MAX_US = 2 ** 53

/** The events of a trace as rows of columns: their names, tracks and times; begins are matched with their ends. */
export class EventRows {
  readonly counts: ScanCounts = { events: 0, broken: 0, unescaped: 0, python: 0, other: 0, unpaired: 0, cut: false }
  readonly names = new NameTable()
  readonly categories = new NameTable()
  /** us that stand for the file's zero: the whole us of its first event; NaN before it. */
  zeroUs = Number.NaN
  /** Category of Python functions; -1 before the first. */
  pythonCategory = -1

  // What the args of the event at hand say.
  correlation = Number.NaN
  externalId = Number.NaN
  stream = NONE
  bytes = Number.NaN

  private readonly options: ScanOptions
  private readonly sink: ScanSink
  private columns: EventColumns
  private rows = 0
  private categoryTexts: string[] = []
  private annotationCategory = -1
  private instantCategory = -1
  /** Tokens of a name that is a step, -1 for other names. */
  private nameTokens: number[] = []
  private readonly labels = new Map<string, number>()
  private readonly labelTexts: string[] = []
  private readonly tracks = new Map<string, number>()
  private readonly cachePid = new Float64Array(CACHE).fill(Number.NaN)
  private readonly cacheTid = new Float64Array(CACHE)
  private readonly cacheTrack = new Uint32Array(CACHE)
  private readonly open = new Map<number, OpenEvent[]>()
  private samples: CounterColumns | null = null
  private sampled = 0
  private readonly series = new Map<string, number>()

  constructor(options: ScanOptions, sink: ScanSink) {
    this.options = options
    this.sink = sink
    this.columns = newColumns(options.args)
  }

  /** An event begins: nothing is known of its args. */
  begin(): void {
    this.correlation = Number.NaN
    this.externalId = Number.NaN
    this.stream = NONE
    this.bytes = Number.NaN
  }

  /** Hands over the rows that are left. */
  finish(): void {
    for (const stack of this.open.values()) this.counts.unpaired += stack.length
    this.open.clear()
    this.ship()
    this.shipSamples()
  }

  /** An event of a length: `us` and `ns` add up to its time, its name and args are bytes of `buf`. */
  complete(
    buf: Uint8Array,
    nameFrom: number,
    nameTo: number,
    category: number,
    pid: number,
    tid: number,
    us: number,
    ns: number,
    duration: number,
    argsFrom: number,
    argsTo: number,
  ): void {
    const t = this.time(us, ns)
    // NaN fails both.
    if (!(duration >= 0) || !(Math.abs(t) < Number.MAX_SAFE_INTEGER)) {
      this.counts.broken++
      return
    }
    const name = this.names.intern(buf, nameFrom, nameTo)
    if (name === this.nameTokens.length) {
      this.nameTokens.push(stepOf(decodeText(buf, nameFrom, nameTo))?.tokens ?? -1)
    }
    const row = this.rows++
    const c = this.columns
    const tokens = category === this.annotationCategory ? this.nameTokens[name]! : -1
    c.track[row] = this.track(pid, tid, tokens >= 0)
    c.t_ns[row] = t
    c.dur_ns[row] = duration
    c.name[row] = name
    c.category[row] = category < 0 ? this.noCategory() : category
    c.correlation[row] = this.correlation
    c.stream[row] = this.stream
    c.external_id[row] = this.externalId
    c.tokens[row] = tokens < 0 ? NONE : tokens
    c.bytes[row] = this.bytes
    if (this.options.args) {
      c.args[row] =
        argsTo === 0 ? null : Buffer.from(buf.buffer, buf.byteOffset + argsFrom, argsTo - argsFrom).toString()
    }
    if (this.rows === BATCH_ROWS) this.ship()
  }

  /** Begin and end, instants, counters, metadata; what else there is, is counted. */
  rarer(
    phase: number,
    buf: Uint8Array,
    nameFrom: number,
    nameTo: number,
    category: number,
    pid: number,
    tid: number,
    us: number,
    ns: number,
    argsFrom: number,
    argsTo: number,
  ): void {
    const letter = String.fromCharCode(phase)
    const key = letter === 'B' || letter === 'E' ? this.track(pid, tid, false) : 0
    if (letter === 'B') {
      const t = this.time(us, ns)
      const name = Uint8Array.from(buf.subarray(nameFrom, nameTo))
      const args = Uint8Array.from(buf.subarray(argsFrom, argsTo))
      const { correlation, externalId, stream, bytes } = this
      const stack = this.open.get(key) ?? []
      stack.push({ t, us, ns, name, args, category, correlation, externalId, stream, bytes })
      this.open.set(key, stack)
    } else if (letter === 'E') {
      const begun = this.open.get(key)?.pop()
      if (begun === undefined) {
        this.counts.unpaired++
        return
      }
      Object.assign(this, {
        correlation: begun.correlation,
        externalId: begun.externalId,
        stream: begun.stream,
        bytes: begun.bytes,
      })
      const both = Buffer.concat([begun.name, begun.args])
      const split = begun.name.length
      const duration = this.time(us, ns) - begun.t
      const argsEnd = begun.args.length === 0 ? 0 : both.length
      this.complete(both, 0, split, begun.category, pid, tid, begun.us, begun.ns, duration, split, argsEnd)
    } else if (letter === 'i' || letter === 'I') {
      if (this.instantCategory < 0) this.instantCategory = this.categoryNamed('instant')
      const kind = category < 0 ? this.instantCategory : category
      if (Number.isFinite(us)) this.complete(buf, nameFrom, nameTo, kind, pid, tid, us, ns, 0, argsFrom, argsTo)
      else this.counts.broken++
    } else if (letter === 'C') this.counter(buf, nameFrom, nameTo, pid, this.time(us, ns), argsFrom, argsTo)
    else if (letter === 'M') {
      const args = parsed(buf, argsFrom, argsTo)
      for (const value of Object.values(args).slice(0, 1)) {
        this.sink.metadata(decodeText(buf, nameFrom, nameTo), this.labelText(pid), this.labelText(tid), String(value))
      }
      this.counts.other++
    } else this.counts.other++
  }

  /** The number that stands for a pid or tid that is a text. */
  label(buf: Uint8Array, from: number, to: number): number {
    const text = decodeText(buf, from, to)
    // Some tools write numbers as texts.
    if (/^\d{1,12}$/.test(text)) return Number(text)
    let id = this.labels.get(text)
    if (id === undefined) {
      id = LABEL_BASE + this.labelTexts.length
      this.labels.set(text, id)
      this.labelTexts.push(text)
    }
    return id
  }

  /** The number of a category. */
  category(buf: Uint8Array, from: number, to: number): number {
    const id = this.categories.intern(buf, from, to)
    if (id === this.categoryTexts.length) {
      const text = decodeText(buf, from, to)
      this.categoryTexts.push(text)
      if (text === 'python_function') this.pythonCategory = id
      else if (text === 'user_annotation') this.annotationCategory = id
    }
    return id
  }

  private ship(): void {
    if (this.rows === 0) return
    this.sink.rows(this.columns, this.rows)
    this.columns = newColumns(this.options.args)
    this.rows = 0
  }

  private counter(
    buf: Uint8Array,
    nameFrom: number,
    nameTo: number,
    pid: number,
    t: number,
    argsFrom: number,
    argsTo: number,
  ): void {
    if (!Number.isFinite(t)) {
      this.counts.broken++
      return
    }
    for (const [series, value] of Object.entries(parsed(buf, argsFrom, argsTo))) {
      if (typeof value !== 'number') continue
      this.samples ??= newCounterColumns()
      this.samples.series[this.sampled] = this.seriesId(this.labelText(pid), decodeText(buf, nameFrom, nameTo), series)
      this.samples.t_ns[this.sampled] = t
      this.samples.value[this.sampled] = value
      if (++this.sampled === BATCH_ROWS) this.shipSamples()
    }
  }

  private seriesId(pid: string, name: string, series: string): number {
    const key = [pid, name, series].join('\n')
    let id = this.series.get(key)
    if (id === undefined) {
      id = this.series.size
      this.series.set(key, id)
      this.sink.series({ pid, name, series })
    }
    return id
  }

  private shipSamples(): void {
    if (this.samples === null) return
    this.sink.counters(this.samples, this.sampled)
    this.samples = null
    this.sampled = 0
  }

  /** ns since the file's zero, which the first event with a time sets. */
  private time(us: number, ns: number): number {
    if (Number.isNaN(this.zeroUs) && Math.abs(us) < MAX_US) this.zeroUs = Math.floor(us)
    return (us - this.zeroUs) * 1000 + ns
  }

  private track(pid: number, tid: number, steps: boolean): number {
    const slot = ((tid + pid * 31 + (steps ? 97 : 0)) & (CACHE - 1)) >>> 0
    const tidKey = steps ? -tid - 0.5 : tid
    if (this.cachePid[slot] === pid && this.cacheTid[slot] === tidKey) return this.cacheTrack[slot]!
    const key = `${pid} ${tidKey}`
    let track = this.tracks.get(key)
    if (track === undefined) {
      track = this.tracks.size
      this.tracks.set(key, track)
      this.sink.track({ pid: this.labelText(pid), tid: this.labelText(tid), steps })
    }
    this.cachePid[slot] = pid
    this.cacheTid[slot] = tidKey
    this.cacheTrack[slot] = track
    return track
  }

  private labelText(label: number): string {
    if (label < LABEL_BASE - 1) return String(label)
    return this.labelTexts[label - LABEL_BASE] ?? ''
  }

  private categoryNamed(text: string): number {
    const bytes = Buffer.from(text)
    return this.category(bytes, 0, bytes.length)
  }

  private noCategory(): number {
    return this.categoryNamed('')
  }
}

interface OpenEvent {
  t: number
  us: number
  ns: number
  name: Uint8Array
  args: Uint8Array
  category: number
  correlation: number
  externalId: number
  stream: number
  bytes: number
}

function parsed(buf: Uint8Array, from: number, to: number): Record<string, unknown> {
  if (to === 0) return {}
  try {
    return JSON.parse(Buffer.from(buf.buffer, buf.byteOffset + from, to - from).toString()) as Record<string, unknown>
  } catch {
    return {}
  }
}
