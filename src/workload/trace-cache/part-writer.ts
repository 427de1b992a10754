import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { BatchLoader } from '../../store/live/batch-loader.ts'
import { ident, literal } from '../../store/live-schema.ts'
import { type ColumnSpec, sqlType } from '../../trace/columns.ts'
import type { RowShape, TraceRows } from '../trace-rows/row-batch.ts'
import { asColumns, cacheColumns } from './cache-columns.ts'

/** When all is read, the rest is packed while nothing else runs: it is few rows, so that is quick. */
export const PART_ROWS = 1 << 18
/** Small enough that a window of time reads little, large enough to pack well. */
export const PARQUET_OPTIONS = 'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536'

export interface Part {
  readonly file: string
  firstUs: number
  lastUs: number
}

/**
 * Writes rows into Parquet parts. While one part is being packed by the database's threads the next is filled here, so
 * that memory holds two of them however long the trace is.
 */
export class PartWriter {
  readonly parts: Part[] = []
  private readonly folder: string
  private readonly columns: Record<string, ColumnSpec>
  private readonly instance: DuckDBInstance
  private readonly filling: DuckDBConnection
  private readonly packing: DuckDBConnection
  private loader: BatchLoader | null = null
  private packed: Promise<void> = Promise.resolve()

  private constructor(
    folder: string,
    shape: RowShape,
    instance: DuckDBInstance,
    filling: DuckDBConnection,
    packing: DuckDBConnection,
  ) {
    this.folder = folder
    this.columns = cacheColumns(shape)
    this.instance = instance
    this.filling = filling
    this.packing = packing
  }

  static async open(folder: string, shape: RowShape): Promise<PartWriter> {
    const instance = await DuckDBInstance.create(':memory:', { memory_limit: '1GB', temp_directory: folder })
    return new PartWriter(folder, shape, instance, await instance.connect(), await instance.connect())
  }

  async add(rows: TraceRows): Promise<void> {
    if (rows.count === 0) return
    this.loader ??= await this.begin()
    this.loader.append(asColumns(rows), rows.count)
    const part = this.parts.at(-1) as Part
    // Of parts that are not sorted these mean nothing: they are written anew.
    part.firstUs = Math.min(part.firstUs, rows.tUs[0] as number)
    part.lastUs = rows.tUs[rows.count - 1] as number
    if (this.loader.rows >= PART_ROWS) await this.pack()
  }

  /** Packs what is left. */
  async end(): Promise<void> {
    await this.pack()
    await this.packed
  }

  async close(): Promise<void> {
    await this.packed.catch(() => {})
    this.filling.closeSync()
    this.packing.closeSync()
    this.instance.closeSync()
  }

  private async begin(): Promise<BatchLoader> {
    const name = `rows_${this.parts.length}`
    const columns = Object.entries(this.columns).map(([column, spec]) => `${ident(column)} ${sqlType(spec, 'sealed')}`)
    await this.filling.run(`CREATE TABLE ${name} (${columns.join(', ')})`)
    this.parts.push({
      file: `part-${String(this.parts.length).padStart(5, '0')}.parquet`,
      firstUs: Number.POSITIVE_INFINITY,
      lastUs: Number.NEGATIVE_INFINITY,
    })
    return BatchLoader.openTable(this.filling, name, this.columns)
  }

  private async pack(): Promise<void> {
    if (this.loader === null) return
    this.loader.close()
    this.loader = null
    await this.packed
    const table = `rows_${this.parts.length - 1}`
    const path = join(this.folder, (this.parts.at(-1) as Part).file)
    this.packed = this.write(table, path)
    // Its failure is met at the next await of it.
    this.packed.catch(() => {})
  }

  private async write(table: string, path: string): Promise<void> {
    await this.packing.run(`COPY ${table} TO ${literal(path)} (${PARQUET_OPTIONS})`)
    await this.packing.run(`DROP TABLE ${table}`)
    await syncFile(path)
  }
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
