/** Rows of one batch: large enough that handing it over costs nothing a row. */
export const BATCH_ROWS = 1 << 15

/** Events of a trace as columns; ids count within their file. NULL is NaN, or 0xffffffff. */
export interface EventColumns {
  readonly track: Uint32Array<ArrayBuffer>
  /** ns since the file's first event. */
  readonly t_ns: Float64Array<ArrayBuffer>
  readonly dur_ns: Float64Array<ArrayBuffer>
  readonly name: Uint32Array<ArrayBuffer>
  readonly category: Uint8Array<ArrayBuffer>
  readonly correlation: Float64Array<ArrayBuffer>
  readonly stream: Uint32Array<ArrayBuffer>
  readonly external_id: Float64Array<ArrayBuffer>
  readonly tokens: Uint32Array<ArrayBuffer>
  readonly bytes: Float64Array<ArrayBuffer>
  /** Only where args are kept. */
  readonly args: (string | null)[]
}

export const NONE = 0xffffffff

export function newColumns(withArgs: boolean): EventColumns {
  const f64 = () => new Float64Array(BATCH_ROWS)
  const u32 = () => new Uint32Array(BATCH_ROWS)
  return {
    track: u32(),
    t_ns: f64(),
    dur_ns: f64(),
    name: u32(),
    category: new Uint8Array(BATCH_ROWS),
    correlation: f64(),
    stream: u32(),
    external_id: f64(),
    tokens: u32(),
    bytes: f64(),
    args: withArgs ? new Array<string | null>(BATCH_ROWS).fill(null) : [],
  }
}

/** A line of the timeline as the file names it. */
export interface EventTrack {
  readonly pid: string
  readonly tid: string
  /** Engine steps have a track of their own. */
  readonly steps: boolean
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
  /** ns since the file's first event. */
  readonly t_ns: Float64Array<ArrayBuffer>
  readonly value: Float64Array<ArrayBuffer>
}

export function newCounterColumns(): CounterColumns {
  return {
    series: new Uint32Array(BATCH_ROWS),
    t_ns: new Float64Array(BATCH_ROWS),
    value: new Float64Array(BATCH_ROWS),
  }
}
