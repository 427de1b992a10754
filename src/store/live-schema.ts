import { baseType, type ColumnSpec, sqlType, type TableDef } from '../trace/columns.ts'
import { LIVE_TABLES, type LiveTableName, TABLES, type TableName } from '../trace/tables.ts'

/** A quoted SQL identifier. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A quoted SQL string. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Live rows lie in tables of this name; the name people query is a view with the codes spelt out. */
export function liveName(table: LiveTableName): string {
  return `live_${table}`
}

export function createLiveTable(table: LiveTableName, name = liveName(table)): string {
  return createTable(name, LIVE_TABLES[table])
}

/** Makes a table of a live shape: codes are numbers. */
export function createTable(name: string, table: TableDef): string {
  const columns = Object.entries<ColumnSpec>(table.columns)
  return `CREATE TABLE IF NOT EXISTS ${ident(name)} (${columns.map(([column, spec]) => `${ident(column)} ${sqlType(spec, 'live')}`).join(', ')})`
}

/**
 * The sealed shape of a live table as a select list: codes become their names. As enums, these are the same in Parquet, which
 * then need not find out that there are few of them.
 */
export function decodedColumns(table: TableName, names: 'texts' | 'enums' = 'texts'): string {
  return Object.entries<ColumnSpec>(TABLES[table].columns)
    .map(([name, spec]) =>
      baseType(spec[0]) === 'code' ? `${decode(name, spec, names)} AS ${ident(name)}` : ident(name),
    )
    .join(', ')
}

const AMOUNTS: ReadonlySet<string> = new Set([
  'input_tokens',
  'output_tokens',
  'cached_tokens',
  'reasoning_tokens',
  'requested_tokens',
  'intended_input_tokens',
  'intended_cached_tokens',
  'tokens',
  'bytes',
  'retries',
])

/**
 * A column as queries read it: 32-bit amounts are widened to 64 bits, because DuckDB aborts a query whose sum or
 * difference overflows the type, and a server may report any number.
 */
export function readColumn(name: string, spec: ColumnSpec): string {
  const type = baseType(spec[0])
  return AMOUNTS.has(name) && (type === 'u32' || type === 'u16')
    ? `${ident(name)}::BIGINT AS ${ident(name)}`
    : ident(name)
}

function decode(name: string, spec: ColumnSpec, as: 'texts' | 'enums'): string {
  const names = (spec[2] ?? []).map(literal).join(', ')
  const list = as === 'texts' ? `[${names}]` : `[${names}]::ENUM(${names})[]`
  return `list_extract(${list}, ${ident(name)}::BIGINT + 1)`
}

/** An empty relation of a table's sealed shape, for runs that have no part of it. */
export function emptyTable(table: TableDef): string {
  const columns = Object.entries<ColumnSpec>(table.columns)
  return `SELECT ${columns.map(([name, spec]) => `NULL::${sqlType(spec, 'sealed')} AS ${ident(name)}`).join(', ')} WHERE false`
}
