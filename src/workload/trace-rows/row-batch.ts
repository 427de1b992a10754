/** In `input` and `output`: the trace does not say. */
export const NOT_SAID = 0xffffffff
/** Rows of a batch: small enough to stay in a core's cache, large enough that an await between two costs nothing. */
export const BATCH_ROWS = 8192

/**
 * Rows of a trace in the order of their source, in typed arrays. Its arrays are used again: they hold until the next
 * batch is asked for.
 */
export interface TraceRows {
  readonly count: number
  /** Trace time, whole µs: since 1970 where the trace says so, else since whatever its zero is. */
  readonly tUs: Float64Array<ArrayBuffer>
  readonly input: Uint32Array<ArrayBuffer>
  readonly output: Uint32Array<ArrayBuffer>
  /** Where the row begins in its file, from 1; in a run, the request's id. Names the row: sampling and jitter go by it. */
  readonly line: Uint32Array<ArrayBuffer>
  readonly session: (string | null)[] | null
  /** As the trace counts them, from where it likes. */
  readonly turn: Uint32Array<ArrayBuffer> | null
  /** Line of the row that it answers, where the trace says so. */
  readonly parent: Uint32Array<ArrayBuffer> | null
  readonly blocks: (readonly number[] | null)[] | null
}

/** Which of the columns that not every trace has are there. */
export interface RowShape {
  readonly session: boolean
  readonly turn: boolean
  readonly parent: boolean
  readonly blocks: boolean
}

/** A batch being filled. */
export class RowBatch implements TraceRows {
  count = 0
  readonly tUs = new Float64Array(BATCH_ROWS)
  readonly input = new Uint32Array(BATCH_ROWS)
  readonly output = new Uint32Array(BATCH_ROWS)
  readonly line = new Uint32Array(BATCH_ROWS)
  readonly session: (string | null)[] | null
  readonly turn: Uint32Array<ArrayBuffer> | null
  readonly parent: Uint32Array<ArrayBuffer> | null
  readonly blocks: (readonly number[] | null)[] | null

  constructor(shape: RowShape) {
    this.session = shape.session ? new Array<string | null>(BATCH_ROWS).fill(null) : null
    this.turn = shape.turn ? new Uint32Array(BATCH_ROWS) : null
    this.parent = shape.parent ? new Uint32Array(BATCH_ROWS) : null
    this.blocks = shape.blocks ? new Array<readonly number[] | null>(BATCH_ROWS).fill(null) : null
  }

  get isFull(): boolean {
    return this.count === BATCH_ROWS
  }
}

/** What was passed over or is special while rows are read, by reason. */
export type RowCounts = Record<string, number>

export function countOne(counts: RowCounts, reason: string, by = 1): void {
  counts[reason] = (counts[reason] ?? 0) + by
}

/** Something that gives a trace's rows, afresh at each call. What it passes over grows `counts`. */
export interface RowSource {
  batches(counts: RowCounts, window?: TimeWindow): AsyncGenerator<TraceRows, void>
}

/** Half open, trace time in µs. A source may skip rows outside it, but need not. */
export interface TimeWindow {
  readonly fromUs: number
  readonly toUs: number
}

export const ALL_TIME: TimeWindow = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY }
