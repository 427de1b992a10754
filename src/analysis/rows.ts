import type { RunReader, SqlRow } from '../store/read/run-reader.ts'

/** The one row of an aggregate. */
export async function oneRow(reader: RunReader, sql: string): Promise<SqlRow> {
  const [row] = await reader.query(sql)
  if (row === undefined) throw new Error(`an aggregate gave no row: ${sql}`)
  return row
}

/** A number, or null; sums beyond 2^53 arrive as text. */
export function numberOf(row: SqlRow, column: string): number | null {
  const value = row[column]
  return value === null || value === undefined || value === '' ? null : Number(value)
}

/** A count: never null. */
export function countOf(row: SqlRow, column: string): number {
  return numberOf(row, column) ?? 0
}

export function textOf(row: SqlRow, column: string): string | null {
  const value = row[column]
  return value === null || value === undefined ? null : String(value)
}

/** ns as ms. */
export function msOf(row: SqlRow, column: string): number | null {
  const ns = numberOf(row, column)
  return ns === null ? null : ns / 1e6
}
