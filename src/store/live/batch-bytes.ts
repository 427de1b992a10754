import type { Columns } from './row-buffer.ts'

/** How much the first `rows` rows of a batch hold: numbers as they lie in memory, texts as bytes of their characters, at the most. */
export function batchBytes(columns: Columns, rows: number): number {
  let bytes = 0
  for (const name in columns) {
    const column = columns[name] as Columns[string]
    if (!Array.isArray(column)) bytes += rows * column.BYTES_PER_ELEMENT
    else for (let i = 0; i < rows; i++) bytes += 8 + 2 * (column[i]?.length ?? 0)
  }
  return bytes
}
