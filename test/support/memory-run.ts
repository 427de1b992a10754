import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { streamNumbers } from '../../src/store/read/number-batches.ts'
import type { RunReader, SqlRow, SqlValue } from '../../src/store/read/run-reader.ts'
import { JOINED_VIEWS } from '../../src/store/views/joined-views.ts'
import { type ColumnSpec, isNullable, sqlType } from '../../src/trace/columns.ts'
import type { RunJson } from '../../src/trace/run-json.ts'
import { TABLES, type TableName } from '../../src/trace/tables.ts'

type Row = Record<string, SqlValue>
export type Tables = Partial<Record<TableName, Row[]>>

export const RUN_JSON: RunJson = {
  format: { major: 1, minor: 0 },
  layerline: '0.1.0',
  run_id: 'test-run',
  state: 'sealed',
  command: 'trace',
  config: {},
  epoch_ns: '1700000000000000000',
  clock_bases: {},
  started: '2026-01-02T03:04:05Z',
  ended_by: 'done',
  planned_requests: null,
  loop: null,
  plan: null,
  ended: '2026-01-02T03:05:05Z',
  hosts: [],
  engine: null,
  sampling: {},
  profiled: [],
  seed: 7,
  shards: [],
  layers: {},
  store: null,
  books: [],
  verdict: [],
}

/** What a column holds where a test does not say: NULL if it may, else something harmless. */
function defaultOf(name: string, spec: ColumnSpec): SqlValue {
  if (isNullable(spec[0])) return null
  if (spec[0] === 'bool') return false
  if (spec[0] === 'text') return 'x'
  if (spec[0] !== 'code') return 0
  return name === 'phase' ? 'measured' : ((spec[2] ?? [])[0] as string)
}

/** A run in memory, its tables in their sealed shape. */
export async function memoryRun(tables: Tables, run: Partial<RunJson> = {}): Promise<RunReader> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  for (const table of Object.keys(TABLES) as TableName[]) {
    const columns = Object.entries<ColumnSpec>(TABLES[table].columns)
    await connection.run(
      `CREATE TABLE ${table} (${columns.map(([name, spec]) => `"${name}" ${sqlType(spec, 'sealed')}`).join(', ')})`,
    )
    const rows = tables[table] ?? []
    // Columns that no row names and that may be NULL are left to the database.
    const named = columns.filter(([name, spec]) => !isNullable(spec[0]) || rows.some((row) => row[name] !== undefined))
    const names = named.map(([name]) => `"${name}"`).join(', ')
    for (let from = 0; from < rows.length; from += 500) {
      const values = rows
        .slice(from, from + 500)
        .map((row) => `(${named.map(([name, spec]) => sql(row[name] ?? defaultOf(name, spec))).join(', ')})`)
      await connection.run(`INSERT INTO ${table} (${names}) VALUES ${values.join(', ')}`)
    }
  }
  for (const view of JOINED_VIEWS) await connection.run(view)
  return {
    folder: '/nowhere',
    run: { ...RUN_JSON, ...run },
    async query(text) {
      const result = await connection.runAndReadAll(text)
      return result.getRowObjects().map((row) => mapRow(row))
    },
    numbers: (text, atOnce) => streamNumbers(connection, text, atOnce),
    async keep(name, select) {
      await connection.run(`CREATE OR REPLACE TEMP TABLE ${name} AS ${select}`)
    },
    async close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

function sql(value: SqlValue): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`
  return typeof value === 'number' ? `${value}::DOUBLE` : String(value)
}

function mapRow(row: Record<string, DuckDBValue>): SqlRow {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'bigint' ? Number(value) : typeof value === 'object' && value !== null ? String(value) : value,
    ]),
  ) as SqlRow
}
