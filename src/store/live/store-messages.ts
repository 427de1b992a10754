import type { LiveTableName } from '../../trace/tables.ts'
import type { Columns } from './row-buffer.ts'

/** What the client's thread tells the store thread. */
export type ToStore =
  | { type: 'rows'; table: LiveTableName; columns: Columns; rows: number }
  | { type: 'commit'; id: number }
  | { type: 'close' }

/** What the store thread answers. */
export type FromStore =
  | { type: 'ready' }
  /** Rows are taken; the columns come back to be filled again, but for those with texts. */
  | { type: 'recycle'; table: LiveTableName; columns: Columns | null; rows: number }
  | { type: 'committed'; id: number }
  | { type: 'failed'; message: string; diskFull: boolean }
  | { type: 'closed'; rows: Readonly<Partial<Record<LiveTableName, number>>>; commits: number; longestCommitMs: number }

export interface StoreThreadData {
  /** The live database file. */
  path: string
  /** Where run.json lies, read afresh for each request to the recorder. */
  folder: string
  /** The Unix socket to answer on, or null. */
  socket: string | null
  /** Of the `NativeTurn` that both threads share. */
  turn: SharedArrayBuffer
}
