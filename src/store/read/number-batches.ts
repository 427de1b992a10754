import { type DuckDBConnection, DuckDBTypeId } from '@duckdb/node-api'
import duckdb from '@duckdb/node-bindings'
import type { NumberBatch, RowStream } from './run-reader.ts'
import { prepareSelect, sqlError } from './sql-lock.ts'

/** Runs one locked SELECT of UINTEGER and DOUBLE columns without NULLs: its columns as they lie in the database's vectors. */
export async function* streamNumbers(connection: DuckDBConnection, sql: string): AsyncGenerator<NumberBatch> {
  const statement = await prepareSelect(connection, sql)
  try {
    const result = await statement.stream()
    const types = Array.from({ length: result.columnCount }, (_, i) => result.columnTypeId(i))
    const wrong = types.find((type) => type !== DuckDBTypeId.DOUBLE && type !== DuckDBTypeId.UINTEGER)
    if (wrong !== undefined) throw new TypeError(`a column of type ${DuckDBTypeId[wrong]} in: ${sql}`)
    let next = result.fetchChunk()
    for (;;) {
      const chunk = await next
      if (chunk === null || chunk.rowCount === 0) return
      // The database goes on while this one is worked on.
      next = result.fetchChunk()
      // Nobody may have asked for it when it fails.
      next.catch(() => {})
      const rows = chunk.rowCount
      const columns = types.map((type, i) => {
        const wide = type === DuckDBTypeId.DOUBLE
        const bytes = duckdb.vector_get_data(
          duckdb.data_chunk_get_vector(chunk.chunk, i),
          rows * (wide ? Float64Array : Uint32Array).BYTES_PER_ELEMENT,
        )
        const buffer = bytes.buffer as ArrayBuffer
        return wide ? new Float64Array(buffer, bytes.byteOffset, rows) : new Uint32Array(buffer, bytes.byteOffset, rows)
      })
      yield { rows, columns, owner: chunk }
    }
  } catch (error) {
    throw error instanceof TypeError ? error : sqlError(error)
  }
}

/** The same of rows that came as values. */
export async function* numbersOf(stream: RowStream): AsyncGenerator<NumberBatch> {
  for await (const batch of stream.batches()) {
    const columns = stream.columns.map((_, i) => Float64Array.from(batch, (row) => Number(row[i])))
    yield { rows: batch.length, columns, owner: batch }
  }
}
