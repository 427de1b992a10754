import type { Columns } from './row-buffer.ts'

/**
 * The size of the first `rows` rows of a batch, at most: numbers as they are in memory, texts as the bytes of their
 * characters.
 */
export function batchBytes(columns: Columns, rows: number): number {
  let bytes = 0
  for (const name in columns) {
    const column = columns[name] as Columns[string]
    if (!Array.isArray(column)) bytes += rows * column.BYTES_PER_ELEMENT
    else for (let i = 0; i < rows; i++) bytes += 8 + 2 * (column[i]?.length ?? 0)
  }
  return bytes
}
