/** Rows of one batch: large enough that handing it over costs nothing a row. */
export const BATCH_ROWS = 1 << 15

/** Events of a trace as columns; ids count within their file. NULL is NaN, or 0xffffffff. */
export interface EventColumns {
  readonly track: Uint32Array<ArrayBuffer>
  /** Whole us on the file's clock, and ns beyond them: together they are exact however far the file's zero is. */
  readonly us: Float64Array<ArrayBuffer>
  readonly ns: Uint16Array<ArrayBuffer>
  readonly dur_ns: Float64Array<ArrayBuffer>
  readonly name: Uint32Array<ArrayBuffer>
  readonly category: Uint16Array<ArrayBuffer>
  readonly correlation: Float64Array<ArrayBuffer>
  readonly stream: Uint32Array<ArrayBuffer>
  readonly external_id: Float64Array<ArrayBuffer>
  readonly tokens: Uint32Array<ArrayBuffer>
  readonly bytes: Float64Array<ArrayBuffer>
  readonly bandwidth_gbps: Float64Array<ArrayBuffer>
  /** Only where args are kept. */
  readonly args: (string | null)[]
}

export const NONE = 0xffffffff

export function newColumns(withArgs: boolean): EventColumns {
  const f64 = () => new Float64Array(BATCH_ROWS)
  const u32 = () => new Uint32Array(BATCH_ROWS)
  return {
    track: u32(),
    us: f64(),
    ns: new Uint16Array(BATCH_ROWS),
    dur_ns: f64(),
    name: u32(),
    category: new Uint16Array(BATCH_ROWS),
    correlation: f64(),
    stream: u32(),
    external_id: f64(),
    tokens: u32(),
    bytes: f64(),
    bandwidth_gbps: f64(),
    args: withArgs ? new Array<string | null>(BATCH_ROWS).fill(null) : [],
  }
}

export type TrackKind = 'thread' | 'steps' | 'async'

/** A line of the timeline as the file names it. */
export interface EventTrack {
  readonly pid: string
  /** Of asynchronous spans their category. */
  readonly tid: string
  /** Engine steps, and spans that belong to no thread, have tracks of their own. */
  readonly kind: TrackKind
}

/** What a counter's samples are of, as the file names it. */
export interface CounterSeries {
  readonly pid: string
  readonly name: string
  readonly series: string
}

/** Samples of counters as columns. */
export interface CounterColumns {
  readonly series: Uint32Array<ArrayBuffer>
  /** As of an event. */
  readonly us: Float64Array<ArrayBuffer>
  readonly ns: Uint16Array<ArrayBuffer>
  readonly value: Float64Array<ArrayBuffer>
}

export function newCounterColumns(): CounterColumns {
  return {
    series: new Uint32Array(BATCH_ROWS),
    us: new Float64Array(BATCH_ROWS),
    ns: new Uint16Array(BATCH_ROWS),
    value: new Float64Array(BATCH_ROWS),
  }
}

/** Arrows from a host's call to work on a device; both ends are a line and a time. */
export interface FlowColumns {
  /** 0: from the call that launched it; 1: from the framework's operator. */
  readonly rank: Uint16Array<ArrayBuffer>
  readonly from_track: Uint32Array<ArrayBuffer>
  readonly from_us: Float64Array<ArrayBuffer>
  readonly from_ns: Uint16Array<ArrayBuffer>
  readonly to_track: Uint32Array<ArrayBuffer>
  readonly to_us: Float64Array<ArrayBuffer>
  readonly to_ns: Uint16Array<ArrayBuffer>
}

export function newFlowColumns(): FlowColumns {
  return {
    rank: new Uint16Array(BATCH_ROWS),
    from_track: new Uint32Array(BATCH_ROWS),
    from_us: new Float64Array(BATCH_ROWS),
    from_ns: new Uint16Array(BATCH_ROWS),
    to_track: new Uint32Array(BATCH_ROWS),
    to_us: new Float64Array(BATCH_ROWS),
    to_ns: new Uint16Array(BATCH_ROWS),
  }
}
