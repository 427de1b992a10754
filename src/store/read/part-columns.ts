import type { DuckDBConnection } from '@duckdb/node-api'
import { type ColumnSpec, sqlType } from '../../trace/columns.ts'
import { TABLES, type TableName } from '../../trace/tables.ts'
import { ident, literal } from '../live-schema.ts'

/**
 * A view over a table's parts in our columns: one that an older minor version did not have is NULL, one that a
 * newer minor version added comes last.
 */
export async function partsSelect(
  connection: DuckDBConnection,
  table: TableName,
  parts: readonly string[],
): Promise<string> {
  const source = `read_parquet([${parts.map(literal).join(', ')}], union_by_name = true)`
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`)
  const present = described.getRows().map((row) => String(row[0]))
  const ours = Object.entries<ColumnSpec>(TABLES[table].columns)
  const list = ours.map(([name, spec]) =>
    present.includes(name) ? ident(name) : `NULL::${sqlType(spec, 'sealed')} AS ${ident(name)}`,
  )
  const added = present.filter((name) => !(name in TABLES[table].columns)).map(ident)
  return `SELECT ${[...list, ...added].join(', ')} FROM ${source}`
}
