import {
  BATCH_ROWS,
  type CounterColumns,
  type EventColumns,
  NONE,
  newColumns,
  newCounterColumns,
} from './event-columns.ts'
import { JsonBytes } from './json-bytes.ts'
import { decodeText, NameTable } from './name-table.ts'
import type { ScanCounts, ScanOptions, ScanSink } from './scan-types.ts'
import { stepOf } from './step-name.ts'

// As in json-bytes.ts: a binding that is imported costs a tenth of the scan.
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const COMMA = 0x2c
const COLON = 0x3a
const MORE = -1
const BROKEN = -2

const CACHE = 256
/** Strings used as pid or tid lie beyond every number that is one. */
const LABEL_BASE = 2 ** 48
/** Larger us do not keep their last digit in a double. */
const MAX_US = 2 ** 53

/**
 * Finds the events of a trace in its bytes and writes them into columns, without JSON.parse: one pass, no allocation an
 * event. `scan` is given pieces; the byte at `end` must be a quote, with 32 zeros behind it, so that no loop runs out.
 * Tolerant: a quote that ends no value belongs to its string, an object that cannot be read is skipped and counted.
 */
export class EventScanner extends JsonBytes {
  readonly counts: ScanCounts = { events: 0, broken: 0, unescaped: 0, python: 0, other: 0, unpaired: 0, cut: false }
  readonly names = new NameTable()
  readonly categories = new NameTable()
  /** us that stand for the file's zero: the whole us of its first event; NaN before it. */
  zeroUs = Number.NaN
  /** The list has come to its end. */
  ended = false

  private readonly options: ScanOptions
  private readonly sink: ScanSink
  private columns: EventColumns
  private rows = 0
  private categoryTexts: string[] = []
  private pythonCategory = -1
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
  /** After something broken, an object without `ph` is a part of it, not one more. */
  private resyncing = false
  private last = false

  // The event at hand.
  private correlation = Number.NaN
  private externalId = Number.NaN
  private stream = NONE
  private bytes = Number.NaN

  constructor(options: ScanOptions, sink: ScanSink) {
    super()
    this.options = options
    this.sink = sink
    this.columns = newColumns(options.args)
  }

  /** Reads the whole events of `buf[from, end)`; returns where the next piece must begin. `last`: there is no more. */
  scan(buf: Uint8Array, from: number, end: number, last: boolean): number {
    this.last = last
    let p = from
    for (;;) {
      let c = buf[p]!
      while (c <= 32 || c === COMMA) c = buf[++p]!
      if (p >= end) return end
      if (c === OPEN) {
        const next = this.event(buf, p, end)
        if (next > 0) {
          p = next
          continue
        }
        if (next === MORE) {
          if (!last) return p
          this.counts.cut = true
        } else if (!this.resyncing) this.counts.broken++
        this.resyncing = true
        p = this.eventStart(buf, p + 1, end)
      } else if (c === CLOSE_LIST && !this.resyncing) {
        this.ended = true
        return p + 1
      } else {
        if (!this.resyncing) this.counts.broken++
        this.resyncing = true
        p = this.eventStart(buf, p + 1, end)
      }
    }
  }

  /** An event too long for any buffer was passed over. */
  skipEvent(): void {
    this.counts.broken++
    this.resyncing = true
  }

  /** Hands over the rows that are left. */
  finish(): void {
    for (const stack of this.open.values()) this.counts.unpaired += stack.length
    this.open.clear()
    this.counts.unescaped = this.unescaped
    this.ship()
    this.shipSamples()
  }

  private ship(): void {
    if (this.rows === 0) return
    this.sink.rows(this.columns, this.rows)
    this.columns = newColumns(this.options.args)
    this.rows = 0
  }

  /** The next place that looks like the start of an event, at `end` if there is none. */
  private eventStart(buf: Uint8Array, from: number, end: number): number {
    for (let p = from; p < end; p++) {
      if (buf[p] !== OPEN) continue
      let q = p + 1
      while (buf[q]! <= 32 && q < end) q++
      if (q + 5 >= end && !this.last) return p
      if (buf[q] === QUOTE && isEventKey(buf, q + 1)) return p
    }
    return end
  }

  private event(buf: Uint8Array, from: number, end: number): number {
    let p = from + 1
    let phase = 0
    let category = -1
    let nameFrom = 0
    let nameTo = 0
    let pid = LABEL_BASE - 1
    let tid = LABEL_BASE - 1
    let us = Number.NaN
    let ns = 0
    let duration = Number.NaN
    let argsFrom = 0
    let argsTo = 0
    this.correlation = Number.NaN
    this.externalId = Number.NaN
    this.stream = NONE
    this.bytes = Number.NaN
    for (;;) {
      let c = buf[p]!
      while (c <= 32 || c === COMMA) c = buf[++p]!
      if (c === CLOSE) {
        p++
        break
      }
      if (p >= end) return MORE
      if (c !== QUOTE) return BROKEN
      const key = ++p
      while (buf[p] !== QUOTE && buf[p] !== BACKSLASH) p++
      if (buf[p] === BACKSLASH) {
        p = this.stringEnd(buf, p, end)
        if (p < 0) return p
      }
      if (p >= end) return MORE
      const length = p - key
      c = buf[++p]!
      while (c <= 32) c = buf[++p]!
      if (c !== COLON) return p >= end ? MORE : BROKEN
      c = buf[++p]!
      while (c <= 32) c = buf[++p]!
      if (p >= end) return MORE
      const first = buf[key]!
      if (c === QUOTE) {
        const start = ++p
        p = this.stringEnd(buf, p, end)
        if (p < 0) return p
        if (length === 4 && first === 0x6e) {
          nameFrom = start
          nameTo = p
        } else if (length === 3 && first === 0x63) {
          category = this.category(buf, start, p)
          if (category === this.pythonCategory && !this.options.stacks) return this.passOver(buf, p + 1, end)
        } else if (length === 2 && first === 0x70) phase = p - start === 1 ? buf[start]! : 0
        else if (length === 3 && first === 0x70) pid = this.label(buf, start, p)
        else if (length === 3 && first === 0x74) tid = this.label(buf, start, p)
        else if (first === 0x74 && length === 2) us = Number(decodeText(buf, start, p))
        p++
      } else if (c === OPEN && length === 4 && first === 0x61) {
        argsFrom = p
        p = this.args(buf, p, end)
        if (p < 0) return p
        argsTo = p
      } else if (c === OPEN || c === OPEN_LIST) {
        p = this.nested(buf, p, end)
        if (p < 0) return p
      } else {
        this.number(buf, p)
        p = this.at
        if (p >= end) return MORE
        if (length === 2 && first === 0x74) {
          us = this.whole
          ns = this.thousandths
        } else if (length === 3 && first === 0x64) duration = this.whole * 1000 + this.thousandths
        else if (length === 3 && first === 0x70) pid = this.whole
        else if (length === 3 && first === 0x74) tid = this.whole
      }
    }
    if (p > end) return MORE
    if (phase === 0 && nameTo === 0) {
      // A piece of something broken, or another tool's object: neither an event nor one more that is lost.
      if (!this.resyncing) this.counts.broken++
      return p
    }
    this.resyncing = false
    this.counts.events++
    if (phase === 0x58) this.complete(buf, nameFrom, nameTo, category, pid, tid, us, ns, duration, argsFrom, argsTo)
    else this.rarer(phase, buf, nameFrom, nameTo, category, pid, tid, us, ns, argsFrom, argsTo)
    return p
  }

  private complete(
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
  private rarer(
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

  private label(buf: Uint8Array, from: number, to: number): number {
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

  private labelText(label: number): string {
    if (label < LABEL_BASE - 1) return String(label)
    return this.labelTexts[label - LABEL_BASE] ?? ''
  }

  private category(buf: Uint8Array, from: number, to: number): number {
    const id = this.categories.intern(buf, from, to)
    if (id === this.categoryTexts.length) {
      const text = decodeText(buf, from, to)
      this.categoryTexts.push(text)
      if (text === 'python_function') this.pythonCategory = id
      else if (text === 'user_annotation') this.annotationCategory = id
    }
    return id
  }

  private categoryNamed(text: string): number {
    const bytes = Buffer.from(text)
    return this.category(bytes, 0, bytes.length)
  }

  private noCategory(): number {
    return this.categoryNamed('')
  }

  /** A Python function that is not kept: the end of its object is all that matters. */
  private passOver(buf: Uint8Array, from: number, end: number): number {
    let p = from
    for (let depth = 1; ; ) {
      let c = buf[p]!
      while (c !== QUOTE && c !== CLOSE && c !== OPEN) c = buf[++p]!
      if (p >= end) return MORE
      if (c === QUOTE) {
        p = this.stringEnd(buf, p + 1, end)
        if (p < 0) return p
      } else if (c === OPEN) depth++
      else if (--depth === 0) {
        this.counts.events++
        this.counts.python++
        this.resyncing = false
        return p + 1
      }
      p++
    }
  }

  private args(buf: Uint8Array, from: number, end: number): number {
    let p = from + 1
    for (;;) {
      let c = buf[p]!
      while (c <= 32 || c === COMMA) c = buf[++p]!
      if (c === CLOSE) return p + 1
      if (p >= end) return MORE
      if (c !== QUOTE) return BROKEN
      const key = ++p
      while (buf[p] !== QUOTE && buf[p] !== BACKSLASH) p++
      if (buf[p] === BACKSLASH) {
        p = this.stringEnd(buf, p, end)
        if (p < 0) return p
      }
      if (p >= end) return MORE
      const length = p - key
      c = buf[++p]!
      while (c <= 32) c = buf[++p]!
      if (c !== COLON) return p >= end ? MORE : BROKEN
      c = buf[++p]!
      while (c <= 32) c = buf[++p]!
      if (p >= end) return MORE
      if (c === QUOTE) {
        p = this.stringEnd(buf, p + 1, end)
        if (p < 0) return p
        p++
      } else if (c === OPEN || c === OPEN_LIST) {
        p = this.nested(buf, p, end)
        if (p < 0) return p
      } else {
        this.number(buf, p)
        p = this.at
        if (p >= end) return MORE
        const first = buf[key]!
        // `External id` and `external id`, `correlation`, `stream`, `bytes` and `Bytes`: told by length and two letters.
        if (length === 11 && buf[key + 1] === 0x78) this.externalId = this.whole
        else if (length === 11 && first === 0x63 && buf[key + 2] === 0x72) this.correlation = this.whole
        else if (length === 6 && first === 0x73 && buf[key + 2] === 0x72) this.stream = streamId(this.whole)
        else if (length === 5 && (first | 0x20) === 0x62 && buf[key + 1] === 0x79) this.bytes = this.whole
      }
    }
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

function streamId(value: number): number {
  return value >= 0 && value < NONE ? value : NONE
}

/** ph, pid, cat, name, tid, ts, dur, args, id, s: what an event begins with, whatever the tool. */
function isEventKey(buf: Uint8Array, at: number): boolean {
  const text = String.fromCharCode(buf[at]!, buf[at + 1]!, buf[at + 2]!, buf[at + 3]!)
  return /^(ph"|pid"|cat"|name|tid"|ts"|dur"|args|id")/.test(text)
}

function parsed(buf: Uint8Array, from: number, to: number): Record<string, unknown> {
  if (to === 0) return {}
  try {
    return JSON.parse(Buffer.from(buf.buffer, buf.byteOffset + from, to - from).toString()) as Record<string, unknown>
  } catch {
    return {}
  }
}
