import type { CounterColumns, CounterSeries, EventColumns, EventTrack } from './event-columns.ts'

export interface ScanOptions {
  /** Keep Python functions. */
  readonly stacks: boolean
  /** Keep each event's args as JSON. */
  readonly args: boolean
}

/** What a scan could not, or was not asked to, keep. */
export interface ScanCounts {
  events: number
  /** Objects that are no event: broken JSON, or without a time. */
  broken: number
  /** Strings with quotes that should have been escaped; they were read all the same. */
  unescaped: number
  /** Python functions left out. */
  python: number
  /** Flows, metadata and other events that are no slices. */
  other: number
  /** A `B` without its `E`, or the reverse. */
  unpaired: number
  /** The data ends within an event or before the list's end. */
  cut: boolean
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
}
