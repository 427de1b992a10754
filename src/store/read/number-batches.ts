import { type DuckDBConnection, type DuckDBDataChunk, DuckDBTypeId } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import { type QueryLimits, withinTime } from './query-limits.ts'
import type { NumberBatch } from './run-reader.ts'
import { prepareSelect, sqlError } from './sql-lock.ts'

/**
 * Runs one locked SELECT of UINTEGER and DOUBLE columns without NULLs: its columns as they are in the database's
 * vectors. With `atOnce` the result is held in memory; otherwise every batch costs a switch between threads, which
 * takes longer than reading its rows.
 */
export async function* streamNumbers(
  connection: DuckDBConnection,
  sql: string,
  atOnce = false,
  limits: QueryLimits | null = null,
): AsyncGenerator<NumberBatch> {
  const statement = await prepareSelect(connection, sql)
  try {
    if (atOnce) {
      const result = await withinTime(connection, limits, () => statement.run())
      const wide = result.columnTypes().map(({ typeId }) => isWide(typeId, sql))
      for (let i = 0; i < result.chunkCount; i++) yield batchOf(result.getChunk(i), wide)
      return
    }
    const result = await withinTime(connection, limits, () => statement.stream())
    const wide = result.columnTypes().map(({ typeId }) => isWide(typeId, sql))
    for (;;) {
      const chunk = await withinTime(connection, limits, () => result.fetchChunk())
      if (chunk === null || chunk.rowCount === 0) return
      yield batchOf(chunk, wide)
    }
  } catch (error) {
    throw error instanceof TypeError ? error : sqlError(error)
  }
}

function isWide(type: DuckDBTypeId, sql: string): boolean {
  if (type === DuckDBTypeId.DOUBLE) return true
  if (type === DuckDBTypeId.UINTEGER) return false
  throw new TypeError(`a column of type ${DuckDBTypeId[type]} in: ${sql}`)
}

function batchOf(chunk: DuckDBDataChunk, wide: readonly boolean[]): NumberBatch {
  const rows = chunk.rowCount
  const columns = wide.map((is64, i) => {
    const Column = is64 ? Float64Array : Uint32Array
    const vector = duckdb.data_chunk_get_vector(chunk.chunk, i)
    const bytes = duckdb.vector_get_data(vector, rows * Column.BYTES_PER_ELEMENT)
    return new Column(bytes.buffer as ArrayBuffer, bytes.byteOffset, rows)
  })
  return { rows, columns, owner: chunk }
}
