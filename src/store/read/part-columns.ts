import type { DuckDBConnection } from '@duckdb/node-api'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { type ColumnSpec, sqlType, type TableDef } from '../../trace/columns.ts'
import { TABLES, type TableName } from '../../trace/tables.ts'
import { ident, readColumn } from '../live-schema.ts'
import { readParquet } from '../sql-files.ts'

/**
 * A view over a table's parts in the columns of this version: one that an older minor version did not have is NULL, one
 * that a newer minor version added comes last; amounts as `readColumn` says, if `wide`. Throws `input/run-part` where a
 * file is cut or is no part of this table.
 */
export async function partsSelect(
  connection: DuckDBConnection,
  table: TableName,
  parts: readonly string[],
  wide: boolean,
): Promise<string> {
  const source = readParquet(parts)
  let present: ReadonlyMap<string, string>
  try {
    present = await columnsOf(connection, source)
    checkTypes(parts.join(', '), present, TABLES[table])
  } catch (error) {
    // Which of them it is: only determined now, since each check reads a file.
    for (const part of parts) await checkPart(connection, part, TABLES[table])
    throw error instanceof LayerlineError ? error : damaged(parts.join(', '), errorText(error), error)
  }
  const ours = Object.entries<ColumnSpec>(TABLES[table].columns)
  const list = ours.map(([name, spec]) =>
    present.has(name)
      ? wide
        ? readColumn(name, spec)
        : ident(name)
      : `NULL::${sqlType(spec, 'sealed')} AS ${ident(name)}`,
  )
  const added = [...present.keys()].filter((name) => !(name in TABLES[table].columns)).map(ident)
  return `SELECT ${[...list, ...added].join(', ')} FROM ${source}`
}

async function columnsOf(connection: DuckDBConnection, source: string): Promise<Map<string, string>> {
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`)
  return new Map(described.getRows().map((row) => [String(row[0]), String(row[1])]))
}

async function checkPart(connection: DuckDBConnection, part: string, table: TableDef): Promise<void> {
  let present: ReadonlyMap<string, string>
  try {
    present = await columnsOf(connection, readParquet([part]))
  } catch (error) {
    throw damaged(part, errorText(error), error)
  }
  checkTypes(part, present, table)
}

function checkTypes(where: string, present: ReadonlyMap<string, string>, table: TableDef): void {
  if (!present.has(table.sortedBy)) throw foreign(where, table, `it has no column ${table.sortedBy}`)
  for (const [name, spec] of Object.entries(table.columns)) {
    const type = present.get(name)
    const expected = sqlType(spec, 'sealed')
    if (type !== undefined && type !== expected)
      throw foreign(where, table, `its column ${name} is ${type}, expected ${expected}`)
  }
}

function foreign(where: string, table: TableDef, what: string): LayerlineError {
  return new LayerlineError('input/run-part', `${where}: not a part of the table ${table.name}: ${what}`, {
    hint: 'move files that Layerline did not write out of the run, or get this one from a copy of the run',
  })
}

/** DuckDB's message for a file that it cannot read; only its first line, since the rest is Layerline's own SQL. */
function damaged(where: string, text: string, cause: unknown): LayerlineError {
  return new LayerlineError('input/run-part', `${where}: damaged, or no Parquet file: ${text.split('\n')[0]}`, {
    hint: 'get the file from a copy of the run; moved out of the run, only its rows are missing',
    cause,
  })
}
