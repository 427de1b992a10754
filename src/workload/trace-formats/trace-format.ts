import type { TimeUnit } from '../trace-rows/bytes/time-unit.ts'

/** What is known of a file before its rows are read. */
export interface TraceHead {
  readonly path: string
  readonly kind: 'csv' | 'jsonl' | 'run'
  /** Names in the header of a CSV, or the keys of the first object. */
  readonly columns: readonly string[]
  /** Values of the first records, as text; nested ones as JSON. */
  readonly records: readonly Readonly<Record<string, string>>[]
}

/** Which column of a plain table is what; from `--map`. */
export interface ColumnMap {
  readonly ts: string
  readonly in: string
  readonly out?: string
  readonly session?: string
  readonly turn?: string
}

export interface FormatOptions {
  readonly map?: ColumnMap
  readonly timeUnit?: TimeUnit
}

/** How the rows of one file are to be read: columns by their names, and what their values mean. */
export interface TraceLayout {
  readonly columns: ColumnMap
  readonly unit: TimeUnit
  /** Shown to the user: why times are taken to be in that unit. */
  readonly unitBecause: string
  /** Neither the format nor the user fixed it. */
  readonly unitIsGuessed?: boolean
  /** Column with the id of the conversation's turn before, whose own id is in `session`; -1 at the first turn. */
  readonly parent?: string
  /** Column with the ids of the prompt's blocks. */
  readonly blocks?: string
  readonly blockTokens: number | null
  /** Column that counts images; such rows are counted. */
  readonly images?: string
  /** A row may leave its output out: the model then ends when it likes. */
  readonly outputOptional?: boolean
  /** An output of 0 tokens is a request that failed when the trace was taken, and not an empty answer. */
  readonly zeroOutputFailed: boolean
}

/** A kind of trace file. One file each in this folder, all of them in `formats.ts`. */
export interface TraceFormat {
  readonly id: string
  /** One line for messages and docs. */
  readonly about: string
  /** Whether a file is of this kind, by the names of its columns. */
  readonly detect: (head: TraceHead) => boolean
  /** How to read it. Throws `input/trace-columns` where columns are missing. */
  readonly read: (head: TraceHead, options: FormatOptions) => TraceLayout
}
