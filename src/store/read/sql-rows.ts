import type { DuckDBConnection, DuckDBResult, DuckDBValue } from '@duckdb/node-api'
import { ident } from '../live-schema.ts'
import { overLimit, type QueryLimits, withinTime } from './query-limits.ts'
import type { RowStream, SqlRow, SqlValue } from './run-reader.ts'
import { prepareSelect, sqlError } from './sql-lock.ts'

/** Runs one locked SELECT and streams it: memory does not grow with the result. */
export async function streamSelect(
  connection: DuckDBConnection,
  sql: string,
  limits: QueryLimits | null = null,
): Promise<RowStream> {
  const statement = await prepareSelect(connection, sql)
  let result: DuckDBResult
  try {
    result = await withinTime(connection, limits, () => statement.stream())
  } catch (error) {
    throw sqlError(error)
  }
  return { columns: result.deduplicatedColumnNames(), batches: () => batchesOf(connection, result, limits) }
}

/** Keeps the rows of one locked SELECT in a table of the connection's own. */
export async function keepRows(
  connection: DuckDBConnection,
  name: string,
  select: string,
  limits: QueryLimits | null = null,
): Promise<void> {
  // Only what may be asked may be kept.
  ;(await prepareSelect(connection, select)).destroySync()
  try {
    await withinTime(connection, limits, () =>
      connection.run(`CREATE OR REPLACE TEMP TABLE ${ident(name)} AS ${select}`),
    )
  } catch (error) {
    throw sqlError(error)
  }
}

async function* batchesOf(
  connection: DuckDBConnection,
  result: DuckDBResult,
  limits: QueryLimits | null,
): AsyncGenerator<SqlValue[][]> {
  for (let count = 0; ; ) {
    let rows: DuckDBValue[][]
    try {
      const chunk = await withinTime(connection, limits, () => result.fetchChunk())
      if (chunk === null || chunk.rowCount === 0) return
      count += chunk.rowCount
      if (limits !== null && count > limits.rows) throw overLimit(`its answer has more than ${limits.rows} rows`)
      rows = chunk.getRows()
    } catch (error) {
      throw sqlError(error)
    }
    yield rows.map((row) => row.map(plain))
  }
}

/** Collects a stream into objects. */
export async function collectRows(stream: RowStream): Promise<SqlRow[]> {
  const rows: SqlRow[] = []
  for await (const batch of stream.batches()) {
    for (const row of batch) rows.push(Object.fromEntries(stream.columns.map((name, i) => [name, row[i] as SqlValue])))
  }
  return rows
}

/** A value as JSON can hold it: whole numbers beyond 2^53, and everything without a JSON form, as text. */
function plain(value: DuckDBValue): SqlValue {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value.toString()
  }
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value
  return value.toString()
}
