import type { LiveTableName } from '../../trace/tables.ts'
import type { Columns } from './row-buffer.ts'

/** What the client's thread tells the store thread. */
export type ToStore =
  /** `sinceMs` is when the first of them was written, by `nowMs()`. */
  | { type: 'rows'; table: LiveTableName; columns: Columns; rows: number; bytes: number; sinceMs: number }
  | { type: 'commit'; id: number }
  | { type: 'close' }

/** What the store thread answers. */
export type FromStore =
  | { type: 'ready' }
  /** Rows are accepted; the columns come back to be filled again, except those with texts. */
  | { type: 'recycle'; table: LiveTableName; columns: Columns | null; rows: number }
  | { type: 'committed'; id: number }
  /** So many bytes of rows are in the file now. */
  | { type: 'kept'; bytes: number }
  | { type: 'failed'; message: string; diskFull: boolean }
  | {
      type: 'closed'
      rows: Readonly<Partial<Record<LiveTableName, number>>>
      commits: number
      longestCommitMs: number
      longestUncommittedMs: number
    }

/** A clock that all threads of the process share, ms. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export interface StoreThreadData {
  /** The live database file. */
  path: string
  /** The run's. */
  folder: string
  /** The process's number in the run. */
  shard: number
  /** The Unix socket to answer on, or null. */
  socket: string | null
  /** Of the `NativeTurn` that both threads share. */
  turn: SharedArrayBuffer
}
