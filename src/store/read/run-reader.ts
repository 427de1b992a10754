import type { SqlRow, SqlValue } from '../../derived/sql-row.ts'
import type { RunJson } from '../../trace/run-json.ts'
import type { QueryLimits } from './query-limits.ts'

export type { SqlRow, SqlValue }

/** Column names of a result and its rows, a batch at a time. */
export interface RowStream {
  readonly columns: readonly string[]
  batches(): AsyncGenerator<SqlValue[][]>
}

/** Rows of a result of numbers, one typed array per column. */
export interface NumberBatch {
  readonly rows: number
  readonly columns: readonly (Float64Array | Uint32Array)[]
  /** What the arrays lie in: to be kept as long as they are. */
  readonly owner: unknown
}

/**
 * A run that can be asked. Every table of the format is there as a view, empty where the run has none, codes as
 * their names; of a live run, what was recorded when it was opened. Whole numbers beyond 2^53 come as strings.
 */
export interface RunReader {
  readonly folder: string
  readonly run: RunJson
  /** All rows of one SELECT: for results that fit in memory. */
  query(sql: string): Promise<SqlRow[]>
  /**
   * All rows of one SELECT of UINTEGER and DOUBLE columns without NULLs, a batch at a time: for results of many millions. Of one
   * that is known to fit in memory, `atOnce` is faster.
   */
  numbers(sql: string, atOnce?: boolean): AsyncGenerator<NumberBatch>
  /** Keeps the rows of one SELECT as a table of that name, for later queries of this reader; another of that name is replaced. Nothing reaches the run. */
  keep(name: string, select: string): Promise<void>
  close(): Promise<void>
}

/** A reader that can also stream: memory does not grow with the result. */
export interface StreamingReader extends RunReader {
  stream(sql: string): Promise<RowStream>
  /** Brings in what was recorded since; not while an answer is being read. Of a sealed run there is nothing to bring. */
  refresh(): Promise<void>
  /**
   * Another reader of the same run, for queries at the same time: of a sealed run a connection of its own to the same database, which closes
   * with it. Null for a live run, whose queries run one after another.
   */
  fork(limits: QueryLimits | null): Promise<StreamingReader | null>
}
