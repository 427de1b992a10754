import type { CounterColumns, CounterSeries, EventColumns, EventTrack, FlowColumns } from './event-columns.ts'

export interface ScanOptions {
  /** Keep Python functions. */
  readonly stacks: boolean
  /** Keep each event's args as JSON. */
  readonly args: boolean
}

/** What a scan could not keep, or was not asked to keep. */
export interface ScanCounts {
  events: number
  /** Objects that cannot be read: broken JSON. */
  broken: number
  /** Events without a time that is a number. */
  noTime: number
  /** Times that no clock shows: beyond what keeps its last digit. */
  wildTime: number
  /** Complete events without a duration, with one below 0, and with one that is longer than any recording. */
  noDuration: number
  negativeDuration: number
  endless: number
  /** Strings with quotes that should have been escaped; they were read all the same. */
  unescaped: number
  /** Python functions that were skipped. */
  python: number
  /** Events that are no slices, by their letter (`ph`); '' has none. */
  others: Record<string, number>
  /** A start without its end, or the reverse. */
  unpaired: number
  /** Args that are no JSON, even with words such as NaN replaced; only where args are kept. */
  badArgs: number
  /** Work on a stream that begins before the one before it in the file has ended: overlapping, or out of order. */
  early: number
  /** The data ends within an event or before the list's end. */
  cut: boolean
  /** A bare list without its closing bracket, which the format allows. */
  open: boolean
}

/** Takes what a scan finds; `columns` are handed over. */
export interface ScanSink {
  rows(columns: EventColumns, rows: number): void
  /** Tracks are numbered in this order, from 0. */
  track(track: EventTrack): void
  metadata(what: string, pid: string, tid: string, value: string): void
  /** Samples of counters, whose series are numbered in the order of `series`, from 0; handed over like rows. */
  counters(columns: CounterColumns, rows: number): void
  series(series: CounterSeries): void
  /** Flows that launch; handed over like rows. */
  flows(columns: FlowColumns, rows: number): void
}
