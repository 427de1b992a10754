import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { ident } from '../../store/live-schema.ts'
import { readParquet } from '../../store/sql-files.ts'
import {
  ALL_TIME,
  BATCH_ROWS,
  countOne,
  NOT_SAID,
  RowBatch,
  type RowCounts,
  type RowShape,
  type RowSource,
  type TimeWindow,
  type TraceRows,
} from '../trace-rows/row-batch.ts'
import { cacheColumns } from './cache-columns.ts'
import type { CacheMeta } from './cache-meta.ts'
import { PART_ROWS } from './part-writer.ts'

/** A normalised trace on disk: its rows in order of time, read a part and a few row groups at a time. */
export class CachedTrace implements RowSource {
  readonly folder: string
  readonly meta: CacheMeta
  private readonly shape: RowShape

  constructor(folder: string, meta: CacheMeta, shape: RowShape) {
    this.folder = folder
    this.meta = meta
    this.shape = shape
  }

  /** Parts and row groups outside of the window are not read. */
  async *batches(counts: RowCounts, window: TimeWindow = ALL_TIME): AsyncGenerator<TraceRows, void> {
    for (const [reason, count] of Object.entries(this.meta.counts)) countOne(counts, reason, count)
    // One thread: rows come in order without being collected first, and the client keeps its cores.
    const database = await openDatabase({ threads: '1' })
    try {
      for (const part of this.meta.parts) {
        if (part.lastUs < window.fromUs || part.firstUs >= window.toUs) continue
        yield* this.partRows(database.connection, join(this.folder, part.file), window)
      }
    } finally {
      database.close()
    }
  }

  /** At most so many rows lie in a window. */
  rowsWithin(window: TimeWindow): number {
    const parts = this.meta.parts.filter(({ firstUs, lastUs }) => lastUs >= window.fromUs && firstUs < window.toUs)
    return this.meta.parts.length === 1
      ? this.meta.rows
      : Math.min(this.meta.rows, parts.length * (PART_ROWS + BATCH_ROWS))
  }

  /** How many rows there are where `condition` (SQL over the columns) holds, and the times of the first and last. */
  async count(condition: string): Promise<{ rows: number; firstUs: number; lastUs: number }> {
    const database = await openDatabase({})
    try {
      const files = this.meta.parts.map(({ file }) => join(this.folder, file))
      if (files.length === 0) return { rows: 0, firstUs: 0, lastUs: 0 }
      const result = await database.connection.runAndReadAll(
        `SELECT count(*)::DOUBLE, min(t_us), max(t_us) FROM ${readParquet(files)} WHERE ${condition}`,
      )
      const [rows, first, last] = result.getRows()[0] ?? []
      return { rows: Number(rows ?? 0), firstUs: Number(first ?? 0), lastUs: Number(last ?? 0) }
    } catch (error) {
      throw this.damaged(error)
    } finally {
      database.close()
    }
  }

  private async *partRows(connection: DuckDBConnection, path: string, window: TimeWindow) {
    const names = Object.keys(cacheColumns(this.shape))
    const at = (name: string) => names.indexOf(name)
    const [session, turn, parent, blocks] = [at('session'), at('turn'), at('parent'), at('blocks')]
    const batch = new RowBatch(this.shape)
    try {
      const result = await connection.stream(
        `SELECT ${names.map(ident).join(', ')} FROM ${readParquet([path])} WHERE ${windowSql(window)}`,
      )
      for (;;) {
        const chunk = await result.fetchChunk()
        if (chunk === null || chunk.rowCount === 0) return
        const vectors = names.map((_, column) => chunk.getColumnVector(column))
        for (let i = 0; i < chunk.rowCount; i++) {
          batch.tUs[i] = vectors[0]?.getItem(i) as number
          batch.input[i] = vectors[1]?.getItem(i) as number
          batch.output[i] = (vectors[2]?.getItem(i) as number | null) ?? NOT_SAID
          batch.line[i] = vectors[3]?.getItem(i) as number
          if (batch.session !== null) batch.session[i] = vectors[session]?.getItem(i) as string | null
          if (batch.turn !== null) batch.turn[i] = (vectors[turn]?.getItem(i) as number | null) ?? NOT_SAID
          if (batch.parent !== null) batch.parent[i] = (vectors[parent]?.getItem(i) as number | null) ?? NOT_SAID
          if (batch.blocks !== null) batch.blocks[i] = blockIds(vectors[blocks]?.getItem(i) as string | null)
        }
        batch.count = chunk.rowCount
        yield batch
      }
    } catch (error) {
      throw this.damaged(error)
    }
  }

  private damaged(error: unknown): unknown {
    if (error instanceof LayerlineError) return error
    return new LayerlineError('input/trace-cache', `${this.folder}: cannot read this cache: ${errorText(error)}`, {
      hint: 'remove that folder, and it is made again; --no-cache does without',
      cause: error,
    })
  }
}

async function openDatabase(
  config: Record<string, string>,
): Promise<{ connection: DuckDBConnection; close: () => void }> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '256MB', temp_directory: '', ...config })
  const connection = await instance.connect()
  return {
    connection,
    close: () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

/** SQL for the rows in a window. */
export function windowSql({ fromUs, toUs }: TimeWindow): string {
  const bounds = [
    ...(Number.isFinite(fromUs) ? [`t_us >= ${fromUs}::DOUBLE`] : []),
    ...(Number.isFinite(toUs) ? [`t_us < ${toUs}::DOUBLE`] : []),
  ]
  return bounds.length === 0 ? 'true' : bounds.join(' AND ')
}

function blockIds(text: string | null): readonly number[] | null {
  return text === null ? null : (JSON.parse(text) as number[])
}
