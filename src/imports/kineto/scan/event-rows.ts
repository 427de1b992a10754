import { validJson } from '../../json-text.ts'
import { isDeviceWork, presentCategory } from './category-names.ts'
import {
  BATCH_ROWS,
  type CounterColumns,
  type EventColumns,
  NONE,
  newColumns,
  newCounterColumns,
  type TrackKind,
} from './event-columns.ts'
import { flowRank, LaunchFlows } from './launch-flows.ts'
import { decodeText, NameTable } from './name-table.ts'
import type { ScanCounts, ScanOptions, ScanSink } from './scan-types.ts'
import { type SpanEvent, SpanPairs } from './span-pairs.ts'
import { stepOf } from './step-name.ts'

const CACHE = 256
/** Strings used as pid or tid get numbers beyond all real ones. */
const LABEL_BASE = 2 ** 48
/** Larger µs lose their last digit in a double, and longer durations their last ns: 285 years, and 104 days. */
const MAX_US = 2 ** 53
const MAX_DURATION_NS = 2 ** 53
const MAX_CATEGORIES = 2 ** 16

/** What a track's kind adds to the number it is found by: whole numbers are threads. */
const THREAD = 0
const STEPS = 0.5
const ASYNC = 0.25
const KINDS = new Map<number, TrackKind>([
  [THREAD, 'thread'],
  [STEPS, 'steps'],
  [ASYNC, 'async'],
])

/** Phase letters of starts and ends that belong to no thread: the current ones and those from before 2014. */
const ASYNC_BEGINS = 'bS'
const ASYNC_ENDS = 'eF'
/** Phase letters of instants within such a span: the current one, and two kinds of steps of the old ones. */
const ASYNC_INSTANTS = 'nTp'

export function newCounts(): ScanCounts {
  return {
    events: 0,
    broken: 0,
    noTime: 0,
    wildTime: 0,
    noDuration: 0,
    negativeDuration: 0,
    endless: 0,
    unescaped: 0,
    python: 0,
    others: {},
    unpaired: 0,
    badArgs: 0,
    early: 0,
    cut: false,
    open: false,
  }
}

/** The events of a trace as rows of columns: their names, tracks and times; starts are matched with their ends. */
export class EventRows {
  readonly counts = newCounts()
  readonly names = new NameTable()
  readonly categories = new NameTable()
  /** Category of Python functions; -1 before the first. */
  pythonCategory = -1

  // What the args of the current event say.
  correlation = Number.NaN
  externalId = Number.NaN
  stream = NONE
  bytes = Number.NaN
  bandwidthGbps = Number.NaN
  // And what tells its asynchronous span from others, where the bytes say so.
  idFrom = 0
  idTo = 0

  private readonly options: ScanOptions
  private readonly sink: ScanSink
  private columns: EventColumns
  private rows = 0
  private categoryTexts: string[] = []
  /** The category under today's name, by the one in the file. */
  private readonly present: number[] = []
  /** 1 for categories of what runs on a device. */
  private readonly onDevice = new Uint8Array(MAX_CATEGORIES)
  private annotationCategory = -1
  private instantCategory = -1
  private emptyCategory = -1
  private mtiaCategory = -1
  /** Tokens of a name that is a step, -1 for other names. */
  private nameTokens: number[] = []
  private readonly labels = new Map<string, number>()
  private readonly labelTexts: string[] = []
  private readonly tracks = new Map<string, number>()
  private readonly cachePid = new Float64Array(CACHE).fill(Number.NaN)
  private readonly cacheTid = new Float64Array(CACHE)
  private readonly cacheTrack = new Uint32Array(CACHE)
  private readonly pairs = new SpanPairs((begin, durationNs) => this.span(begin, durationNs))
  /** By category: the rank of its flows, -1 where they launch nothing. */
  private readonly flowRanks: number[] = []
  private readonly flows: LaunchFlows
  /** The µs that `streamEnds` count from. */
  private originUs = Number.NaN
  /** Last end on each track of a device so far, ns. */
  private streamEnds = new Float64Array(64).fill(Number.NEGATIVE_INFINITY)
  private samples: CounterColumns | null = null
  private sampled = 0
  private readonly series = new Map<string, number>()

  constructor(options: ScanOptions, sink: ScanSink) {
    this.options = options
    this.sink = sink
    this.columns = newColumns(options.args)
    this.flows = new LaunchFlows((columns, rows) => sink.flows(columns, rows))
  }

  /** An event begins: nothing is known of its args. */
  begin(): void {
    this.correlation = Number.NaN
    this.externalId = Number.NaN
    this.stream = NONE
    this.bytes = Number.NaN
    this.bandwidthGbps = Number.NaN
    this.idTo = 0
  }

  /** Hands over the rows that are left. */
  finish(): void {
    this.pairs.finish()
    this.counts.unpaired = this.pairs.unpaired
    this.ship()
    this.shipSamples()
    this.flows.finish()
    if (this.flows.unpaired > 0) this.counts.others.s = (this.counts.others.s ?? 0) + this.flows.unpaired
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
    isAsync = false,
  ): void {
    // NaN fails each.
    if (!(duration >= 0 && duration <= MAX_DURATION_NS && Math.abs(us) < MAX_US)) {
      this.refuse(us, duration)
      return
    }
    const name = this.names.intern(buf, nameFrom, nameTo)
    if (name === this.nameTokens.length) {
      this.nameTokens.push(stepOf(decodeText(buf, nameFrom, nameTo))?.tokens ?? -1)
    }
    const row = this.rows++
    const c = this.columns
    const tokens = category === this.annotationCategory ? this.nameTokens[name]! : -1
    const track = this.track(pid, tid, tokens >= 0 ? STEPS : isAsync ? ASYNC : THREAD)
    const kind = category < 0 ? this.noCategory() : category
    if (ns < 0) {
      us--
      ns += 1000
    }
    if (this.onDevice[kind] === 1) this.deviceWork(track, kind, tid, us, ns, duration)
    c.track[row] = track
    c.us[row] = us
    c.ns[row] = ns
    c.dur_ns[row] = duration
    c.name[row] = name
    c.category[row] = kind
    c.correlation[row] = this.correlation
    c.stream[row] = this.stream
    c.external_id[row] = this.externalId
    c.tokens[row] = tokens < 0 ? NONE : tokens
    c.bytes[row] = this.bytes
    c.bandwidth_gbps[row] = this.bandwidthGbps
    if (this.options.args) c.args[row] = this.argsText(buf, argsFrom, argsTo)
    if (this.rows === BATCH_ROWS) this.ship()
  }

  /** Starts and ends, instants, counters, metadata; all others are counted. */
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
    const letter = phase === 0 ? '' : String.fromCharCode(phase)
    const isAsync = letter !== '' && (ASYNC_BEGINS + ASYNC_ENDS).includes(letter)
    if (letter === 'B' || letter === 'E' || isAsync) {
      if (!(Math.abs(us) < MAX_US)) {
        this.refuse(us, 0)
        return
      }
      const { correlation, externalId, stream, bytes, bandwidthGbps } = this
      const id = isAsync ? Buffer.from(buf.subarray(this.idFrom, this.idTo)).toString('latin1') : ''
      // A local id holds within its process; others hold everywhere.
      const scope = !isAsync ? `${pid} ${tid}` : `${category} ${id.includes('"local"') ? pid : ''} ${id}`
      this.pairs.add({
        key: `${isAsync ? 'async' : 'thread'} ${scope}`,
        isBegin: letter === 'B' || ASYNC_BEGINS.includes(letter),
        us,
        ns,
        name: Uint8Array.from(buf.subarray(nameFrom, nameTo)),
        args: Uint8Array.from(buf.subarray(argsFrom, argsTo)),
        category,
        pid,
        tid,
        isAsync,
        correlation,
        externalId,
        stream,
        bytes,
        bandwidthGbps,
      })
    } else if (letter === 'i' || letter === 'I') {
      if (this.instantCategory < 0) this.instantCategory = this.categoryNamed('instant')
      const kind = category < 0 ? this.instantCategory : category
      this.complete(buf, nameFrom, nameTo, kind, pid, tid, us, ns, 0, argsFrom, argsTo)
    } else if (letter !== '' && ASYNC_INSTANTS.includes(letter)) {
      const kind = category < 0 ? this.categoryNamed('async') : category
      const line = this.labelOf(this.categoryTexts[kind] ?? '')
      this.complete(buf, nameFrom, nameTo, kind, pid, line, us, ns, 0, argsFrom, argsTo, true)
    } else if ((letter === 's' || letter === 'f') && this.flowRanks[category]! >= 0) {
      this.flow(letter === 's', buf, category, pid, tid, us, ns)
    } else if (letter === 'C') this.counter(buf, nameFrom, nameTo, pid, us, ns, argsFrom, argsTo)
    else {
      if (letter === 'M') {
        const args = parsed(buf, argsFrom, argsTo)
        const value = args.name ?? args.labels ?? Object.values(args)[0]
        if (value !== undefined)
          this.sink.metadata(decodeText(buf, nameFrom, nameTo), this.labelText(pid), this.labelText(tid), String(value))
      }
      this.other(letter)
    }
  }

  /** The number that stands for a pid or tid that is a text. */
  label(buf: Uint8Array, from: number, to: number): number {
    return this.labelOf(decodeText(buf, from, to))
  }

  /** The number of a category, under its present name. */
  category(buf: Uint8Array, from: number, to: number): number {
    const id = this.categories.intern(buf, from, to)
    if (id === this.categoryTexts.length) {
      const text = decodeText(buf, from, to)
      this.categoryTexts.push(text)
      const name = presentCategory(text)
      this.present.push(id)
      if (name !== text) this.present[id] = this.categoryNamed(name)
      else if (text === 'python_function') this.pythonCategory = id
      else if (text === 'user_annotation') this.annotationCategory = id
      else if (text === 'mtia_ccp_events') this.mtiaCategory = id
      if (isDeviceWork(text)) this.onDevice[id] = 1
      this.flowRanks[id] = flowRank(text)
    }
    return this.present[id]!
  }

  /** Counts an event that cannot be a slice, by its reason. */
  private refuse(us: number, duration: number): void {
    if (Number.isNaN(us)) this.counts.noTime++
    else if (!(Math.abs(us) < MAX_US)) this.counts.wildTime++
    else if (Number.isNaN(duration)) this.counts.noDuration++
    else if (duration < 0) this.counts.negativeDuration++
    else this.counts.endless++
  }

  private flow(isStart: boolean, buf: Uint8Array, category: number, pid: number, tid: number, us: number, ns: number) {
    if (!(Math.abs(us) < MAX_US)) {
      this.refuse(us, 0)
      return
    }
    const id = Buffer.from(buf.subarray(this.idFrom, this.idTo)).toString('latin1')
    const track = this.track(pid, tid, THREAD)
    const at = ns < 0 ? { us: us - 1, ns: ns + 1000 } : { us, ns }
    this.flows.add(this.flowRanks[category]!, id, isStart, { track, ...at })
  }

  private other(letter: string): void {
    this.counts.others[letter] = (this.counts.others[letter] ?? 0) + 1
  }

  /** MTIA's args name no stream: its line does. */
  private deviceWork(track: number, kind: number, tid: number, us: number, ns: number, duration: number): void {
    if (this.stream === NONE && kind === this.mtiaCategory && tid >= 0 && tid < NONE) this.stream = tid
    if (Number.isNaN(this.originUs)) this.originUs = us
    const start = (us - this.originUs) * 1000 + ns
    if (track >= this.streamEnds.length) {
      const longer = new Float64Array(track * 2).fill(Number.NEGATIVE_INFINITY)
      longer.set(this.streamEnds)
      this.streamEnds = longer
    }
    const last = this.streamEnds[track]!
    if (start < last) this.counts.early++
    if (start + duration > last) this.streamEnds[track] = start + duration
  }

  private span(begin: SpanEvent, durationNs: number): void {
    const { name, args, category, pid, us, ns, isAsync } = begin
    Object.assign(this, {
      correlation: begin.correlation,
      externalId: begin.externalId,
      stream: begin.stream,
      bytes: begin.bytes,
      bandwidthGbps: begin.bandwidthGbps,
    })
    const both = Buffer.concat([name, args])
    const split = name.length
    const argsEnd = args.length === 0 ? 0 : both.length
    const kind = isAsync && category < 0 ? this.categoryNamed('async') : category
    const tid = isAsync ? this.labelOf(this.categoryTexts[kind] ?? '') : begin.tid
    this.complete(both, 0, split, kind, pid, tid, us, ns, durationNs, split, argsEnd, isAsync)
  }

  private argsText(buf: Uint8Array, from: number, to: number): string | null {
    if (to === 0) return null
    const text = validJson(textOf(buf, from, to))
    if (text === null) this.counts.badArgs++
    return text
  }

  private labelOf(text: string): number {
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
    us: number,
    ns: number,
    argsFrom: number,
    argsTo: number,
  ): void {
    if (!(Math.abs(us) < MAX_US)) {
      this.refuse(us, 0)
      return
    }
    let values = 0
    for (const [series, value] of Object.entries(parsed(buf, argsFrom, argsTo))) {
      if (typeof value !== 'number') continue
      values++
      this.samples ??= newCounterColumns()
      this.samples.series[this.sampled] = this.seriesId(this.labelText(pid), decodeText(buf, nameFrom, nameTo), series)
      this.samples.us[this.sampled] = ns < 0 ? us - 1 : us
      this.samples.ns[this.sampled] = ns < 0 ? ns + 1000 : ns
      this.samples.value[this.sampled] = value
      if (++this.sampled === BATCH_ROWS) this.shipSamples()
    }
    if (values === 0) this.other('C')
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

  private track(pid: number, tid: number, place: number): number {
    const tidKey = place === THREAD ? tid : -tid - place
    const slot = ((tid + pid * 31 + place * 194) & (CACHE - 1)) >>> 0
    if (this.cachePid[slot] === pid && this.cacheTid[slot] === tidKey) return this.cacheTrack[slot]!
    const key = `${pid} ${tidKey}`
    let track = this.tracks.get(key)
    if (track === undefined) {
      track = this.tracks.size
      this.tracks.set(key, track)
      this.sink.track({ pid: this.labelText(pid), tid: this.labelText(tid), kind: KINDS.get(place) ?? 'thread' })
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
    if (this.emptyCategory < 0) this.emptyCategory = this.categoryNamed('')
    return this.emptyCategory
  }
}

function textOf(buf: Uint8Array, from: number, to: number): string {
  return Buffer.from(buf.buffer, buf.byteOffset + from, to - from).toString()
}

function parsed(buf: Uint8Array, from: number, to: number): Record<string, unknown> {
  const text = to === 0 ? null : validJson(textOf(buf, from, to))
  return text === null ? {} : (JSON.parse(text) as Record<string, unknown>)
}
