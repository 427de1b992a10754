import type { ArraysOf, RowInput, TableDef } from './columns.ts'

/**
 * Where a source puts its rows. Hot paths call `next()` and fill `columns` themselves: every column of the
 * returned row must be set (NULL by `NULL_OF`). Read `columns` after `next()`: it may have been swapped.
 */
export interface RowWriter<T extends TableDef> {
  readonly columns: ArraysOf<T>
  /** The index of a fresh row in `columns`. Rows since the last `settle()` may still be changed. */
  next(): number
  /** Appends one row given as an object; for tables that see thousands of rows a second, not millions. */
  append(row: RowInput<T>): void
  /** The end of a burst of rows (one socket read): hands full buffers on. */
  settle(): void
}
