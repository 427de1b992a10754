import type { RowWriter } from '../../trace/row-writer.ts'
import type { VerdictLine } from '../../trace/run-json.ts'
import type { TableName, tracks } from '../../trace/tables.ts'

/** The run that traces are read into: a new one of their own, or one that was being recorded meanwhile. */
export interface TraceRun {
  readonly folder: string
  /** The part of `slices`, `mips` and `links` that belongs to the trace. */
  readonly part: string
  /** The clock that they were stamped with. */
  readonly clock: string
  readonly writers: {
    readonly tracks: Pick<RowWriter<typeof tracks>, 'append'>
  }
  trackId(): number
  /** `strings.id` of a text. */
  nameId(text: string): number
  /** Ids for so many slices: the last one before them. */
  reserveSlices(count: number): number
  /** Called with the time of the first event, Unix ns; returns what the trace's clock showed at the run's zero. */
  zeroUnixNs(firstUnixNs: bigint): bigint
  /** The run lasts at least until then. */
  until(tNs: number): void
  /** Rows of a table that lie in a part. */
  wrote(table: TableName, rows: number): void
  lose(table: TableName, rows: number): void
  note(level: VerdictLine['level'], what: string, text: string): void
}
