import { NONE } from './event-columns.ts'
import { EventRows } from './event-rows.ts'
import { JsonBytes } from './json-bytes.ts'
import type { ScanOptions, ScanSink } from './scan-types.ts'

// As in json-bytes.ts: an imported binding would cost a tenth of the scan.
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

/** A pid or tid that is missing: one less than the first number of a text (event-rows.ts). */
const UNSAID = 2 ** 48 - 1

/**
 * Finds the events of a trace in its bytes and writes them into columns, without JSON.parse: one pass, no allocation an
 * event. `scan` is given pieces; the byte at `end` must be a quote, with 32 zeros behind it, so that no loop runs out.
 * Tolerant: a quote that ends no value belongs to its string, an object that cannot be read is skipped and counted.
 */
export class EventScanner extends JsonBytes {
  readonly rows: EventRows
  /** The list has come to its end. */
  ended = false

  private readonly stacks: boolean
  /** After something broken, an object without `ph` is a part of it, not one more. */
  private resyncing = false
  private last = false

  constructor(options: ScanOptions, sink: ScanSink) {
    super()
    this.stacks = options.stacks
    this.rows = new EventRows(options, sink)
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
          this.rows.counts.cut = true
        } else if (!this.resyncing) this.rows.counts.broken++
        this.resyncing = true
        p = this.eventStart(buf, p + 1, end)
      } else if (c === CLOSE_LIST && !this.resyncing) {
        this.ended = true
        return p + 1
      } else {
        if (!this.resyncing) this.rows.counts.broken++
        this.resyncing = true
        p = this.eventStart(buf, p + 1, end)
      }
    }
  }

  /** An event too long for any buffer was passed over. */
  skipEvent(): void {
    this.rows.counts.broken++
    this.resyncing = true
  }

  /** Hands over the rows that are left. */
  finish(): void {
    this.rows.counts.unescaped = this.unescaped
    this.rows.finish()
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
    let pid = UNSAID
    let tid = UNSAID
    let us = Number.NaN
    let ns = 0
    let duration = Number.NaN
    let argsFrom = 0
    let argsTo = 0
    const rows = this.rows
    rows.begin()
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
          category = rows.category(buf, start, p)
          if (category === rows.pythonCategory && !this.stacks) return this.passOver(buf, p + 1, end)
        } else if (length === 2 && first === 0x70) phase = p - start === 1 ? buf[start]! : 0
        else if (length === 3 && first === 0x70) pid = rows.label(buf, start, p)
        else if (length === 3 && first === 0x74) tid = rows.label(buf, start, p)
        else if (first === 0x74 && length === 2) {
          this.number(buf, start)
          us = this.at === p ? this.whole : Number.NaN
          ns = this.thousandths
        } else if (first === 0x64 && length === 3) {
          this.number(buf, start)
          duration = this.at === p ? this.whole * 1000 + this.thousandths : Number.NaN
        } else if (first === 0x69 && length === 2) {
          rows.idFrom = start
          rows.idTo = p
        }
        p++
      } else if (c === OPEN && length === 4 && first === 0x61) {
        argsFrom = p
        p = this.args(buf, p, end)
        if (p < 0) return p
        argsTo = p
      } else if (c === OPEN || c === OPEN_LIST) {
        const start = p
        p = this.nested(buf, p, end)
        if (p < 0) return p
        // id2: an object that says whether it is local.
        if (first === 0x69 && length === 3) {
          rows.idFrom = start
          rows.idTo = p
        }
      } else {
        const start = p
        this.number(buf, p)
        p = this.at
        if (p >= end) return MORE
        if (length === 2 && first === 0x74) {
          us = this.whole
          ns = this.thousandths
        } else if (length === 3 && first === 0x64) duration = this.whole * 1000 + this.thousandths
        else if (length === 3 && first === 0x70) pid = this.whole
        else if (length === 3 && first === 0x74) tid = this.whole
        else if (length === 2 && first === 0x69) {
          rows.idFrom = start
          rows.idTo = p
        }
      }
    }
    if (p > end) return MORE
    if (phase === 0 && nameTo === 0) {
      // A fragment of something broken, or another tool's object: neither an event nor another lost one. `{}` holds
      // nothing.
      if (!this.resyncing && !isEmpty(buf, from + 1)) this.rows.counts.broken++
      return p
    }
    this.resyncing = false
    this.rows.counts.events++
    if (phase === 0x58) rows.complete(buf, nameFrom, nameTo, category, pid, tid, us, ns, duration, argsFrom, argsTo)
    else rows.rarer(phase, buf, nameFrom, nameTo, category, pid, tid, us, ns, argsFrom, argsTo)
    return p
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
        this.rows.counts.events++
        this.rows.counts.python++
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
        const value = p
        this.number(buf, p)
        p = this.at
        if (p >= end) return MORE
        const first = buf[key]!
        // `External id` and `external id`, `correlation`, `stream`, `bytes` and `Bytes`, `memory bandwidth (GB/s)`:
        // recognized by length and two letters.
        if (length === 11 && buf[key + 1] === 0x78) this.rows.externalId = this.whole
        else if (length === 11 && first === 0x63 && buf[key + 2] === 0x72) this.rows.correlation = this.whole
        else if (length === 6 && first === 0x73 && buf[key + 2] === 0x72) this.rows.stream = streamId(this.whole)
        else if (length === 5 && (first | 0x20) === 0x62 && buf[key + 1] === 0x79) this.rows.bytes = this.whole
        else if (length === 23 && first === 0x6d && buf[key + 7] === 0x62)
          this.rows.bandwidthGbps = amount(buf, value, p)
      }
    }
  }
}

function isEmpty(buf: Uint8Array, from: number): boolean {
  let p = from
  while (buf[p]! <= 32) p++
  return buf[p] === CLOSE
}

/** A number with all of its digits; NaN where the bytes are none. */
function amount(buf: Uint8Array, from: number, to: number): number {
  const value = Number(String.fromCharCode(...buf.subarray(from, to)).trim() || Number.NaN)
  return Number.isFinite(value) ? value : Number.NaN
}

function streamId(value: number): number {
  return value >= 0 && value < NONE ? value : NONE
}

/** ph, pid, cat, name, tid, ts, dur, args, id, s: the keys that an event starts with, in any tool. */
function isEventKey(buf: Uint8Array, at: number): boolean {
  const text = String.fromCharCode(buf[at]!, buf[at + 1]!, buf[at + 2]!, buf[at + 3]!)
  return /^(ph"|pid"|cat"|name|tid"|ts"|dur"|args|id")/.test(text)
}
