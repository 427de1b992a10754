import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import { LayerlineError } from '../base/errors.ts'
import { interruption, onInterrupt } from '../base/interruption.ts'
import { scratchFolder } from '../base/scratch-folder.ts'
import { streamNumbers } from '../store/read/number-batches.ts'
import { sealedViews } from '../store/read/open-run.ts'
import type { RunReader } from '../store/read/run-reader.ts'
import { collectRows, keepRows, streamSelect } from '../store/read/sql-rows.ts'
import { readRunJson } from '../store/run-folder.ts'
import type { RunJson } from '../trace/run-json.ts'

/** Rows of one query as columns, a vector at a time. */
export interface ColumnBatch {
  readonly rows: number
  readonly columns: readonly (readonly DuckDBValue[])[]
}

/** A sealed run open for writing elsewhere: its tables are views; sorts spill to a scratch folder. */
export interface SealedRun {
  readonly folder: string
  readonly run: RunJson
  readonly connection: DuckDBConnection
  /** Streams a SELECT; memory does not grow with the result. */
  batches(sql: string): AsyncGenerator<ColumnBatch>
  /** All rows, as objects. For small results. */
  rows(sql: string): Promise<Record<string, DuckDBValue>[]>
  /** The same run as analysis reads it. */
  readonly reader: RunReader
  close(): void
}

/** Opens a sealed run for an export; one that is not sealed says so. */
export async function openSealedRun(folderAsGiven: string): Promise<SealedRun> {
  const folder = resolve(folderAsGiven)
  const run = readRunJson(folder)
  if (run.state !== 'sealed') {
    throw new LayerlineError('input/run-open', `${folder}: not sealed yet (${run.state})`, {
      hint: 'an export reads a sealed run: end it, or `layerline recover`',
    })
  }
  const scratch = scratchFolder('export')
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB', temp_directory: scratch })
  const connection = await instance.connect()
  const letGo = onInterrupt(() => connection.interrupt())
  const close = () => {
    letGo()
    connection.closeSync()
    instance.closeSync()
    rmSync(scratch, { recursive: true, force: true })
  }
  try {
    await sealedViews(connection, folder)
  } catch (error) {
    close()
    throw error
  }
  const rows: SealedRun['rows'] = async (sql) => (await connection.runAndReadAll(sql)).getRowObjects()
  return {
    folder,
    run,
    connection,
    reader: {
      folder,
      run,
      query: async (sql) => collectRows(await streamSelect(connection, sql)),
      numbers: (sql, atOnce) => streamNumbers(connection, sql, atOnce),
      keep: (name, select) => keepRows(connection, name, select),
      close: async () => {},
    },
    async *batches(sql) {
      const result = await connection.stream(sql)
      for (;;) {
        const chunk = await result.fetchChunk()
        interruption.signal.throwIfAborted()
        if (chunk === null || chunk.rowCount === 0) return
        const columns = Array.from({ length: chunk.columnCount }, (_, i) => chunk.getColumnValues(i))
        yield { rows: chunk.rowCount, columns }
      }
    },
    rows,
    close,
  }
}
