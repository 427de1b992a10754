import type { CounterColumns, CounterSeries, EventColumns, EventTrack, FlowColumns } from './scan/event-columns.ts'
import type { ScanCounts, ScanOptions } from './scan/scan-types.ts'
import type { TraceFacts } from './trace-facts.ts'

export interface TraceThreadData {
  readonly path: string
  readonly options: ScanOptions
}

/** Messages of the thread that scans a trace. Texts and tracks come before the rows that name them. */
export type FromTrace =
  | {
      readonly type: 'rows'
      readonly columns: EventColumns
      readonly rows: number
      readonly names: readonly string[]
      readonly categories: readonly string[]
      readonly tracks: readonly EventTrack[]
    }
  | {
      readonly type: 'metadata'
      readonly what: string
      readonly pid: string
      readonly tid: string
      readonly value: string
    }
  | {
      readonly type: 'counters'
      readonly columns: CounterColumns
      readonly rows: number
      /** Series that these are the first of. */
      readonly series: readonly CounterSeries[]
    }
  | {
      readonly type: 'flows'
      readonly columns: FlowColumns
      readonly rows: number
      readonly tracks: readonly EventTrack[]
    }
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  | {
      readonly type: 'done'
      /** null: the file is no trace. */
      readonly facts: TraceFacts | null
      readonly counts: ScanCounts
      readonly damage: string | null
    }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly hint: string | undefined }

/** The importer's answer to `rows`, `counters` and `flows`: it has taken them. */
export type ToTrace = { readonly type: 'taken' }
