import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { LIVE_TABLES, type LiveTableName } from '../../trace/tables.ts'
import { createLiveTable, ident, literal, liveName } from '../live-schema.ts'
import { lockedTo } from '../sql-files.ts'
import { BatchLoader } from './batch-loader.ts'
import type { Columns } from './row-buffer.ts'

/** Small enough that folding the log into the file does not hold a commit up for long. */
const SETTINGS = {
  threads: '1',
  memory_limit: '192MB',
  checkpoint_threshold: '32MB',
  preserve_insertion_order: 'false',
}

/**
 * DuckDB 1.5 keeps 4 KB for each vector of 2,048 rows that two commits share, for as long as the file is open: 2 MB per
 * million rows, and no way to release them. When they fill a large part of its memory, a checkpoint fails, and the run
 * with it.
 */
const REOPEN_ROWS = 8_000_000

export interface LiveDatabaseOptions {
  /** Where copies for readers may be written. */
  readonly copiesIn: string
  readonly reopenRows?: number
}

/**
 * The live database file of a run, written by one connection in commits, and opened anew before what it keeps in memory grows large. Calls must
 * not overlap. It runs no SQL but its own.
 */
export class LiveDatabase {
  private readonly path: string
  private readonly options: LiveDatabaseOptions
  private instance: DuckDBInstance
  private connection: DuckDBConnection
  private readonly loaders = new Map<LiveTableName, BatchLoader>()
  /** What was appended to since the last commit. */
  private readonly dirty = new Set<BatchLoader>()
  private readonly appended: Partial<Record<LiveTableName, number>> = {}
  private sinceOpened = 0

  private constructor(
    path: string,
    options: LiveDatabaseOptions,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
  ) {
    this.path = path
    this.options = options
    this.instance = instance
    this.connection = connection
  }

  /** Makes the file, with all tables. */
  static async open(path: string, options: LiveDatabaseOptions): Promise<LiveDatabase> {
    const instance = await DuckDBInstance.create(path, SETTINGS)
    const connection = await instance.connect()
    // In one transaction: each of its own would be written and synchronized on its own.
    const tables = (Object.keys(LIVE_TABLES) as LiveTableName[]).map((table) => createLiveTable(table))
    await connection.run(['BEGIN', ...tables, 'COMMIT', 'CHECKPOINT'].join('; '))
    const database = new LiveDatabase(path, options, instance, connection)
    await database.begin()
    return database
  }

  get rows(): Readonly<Partial<Record<LiveTableName, number>>> {
    return this.appended
  }

  get isDirty(): boolean {
    return this.dirty.size > 0
  }

  async append(table: LiveTableName, columns: Columns, rows: number): Promise<void> {
    let loader = this.loaders.get(table)
    if (loader === undefined) {
      loader = await BatchLoader.open(this.connection, table)
      this.loaders.set(table, loader)
    }
    loader.append(columns, rows)
    this.dirty.add(loader)
    this.appended[table] = (this.appended[table] ?? 0) + rows
    this.sinceOpened += rows
  }

  /** All appended rows are in the file. */
  async commit(): Promise<void> {
    for (const loader of this.dirty) loader.flush()
    this.dirty.clear()
    await this.connection.run('COMMIT; BEGIN')
    if (this.sinceOpened >= (this.options.reopenRows ?? REOPEN_ROWS)) await this.reopen()
  }

  /**
   * Copies committed rows `from` (counted from 0, in order of arrival) up to `to` of a table into a Parquet file. A
   * failure here does not affect the recording.
   */
  async copyRows(table: LiveTableName, from: number, to: number, path: string): Promise<void> {
    const connection = await this.instance.connect()
    try {
      const rows = `SELECT * FROM ${ident(liveName(table))} WHERE rowid >= ${from} AND rowid < ${to}`
      await connection.run(`COPY (${rows}) TO ${literal(path)} (FORMAT parquet, USE_TMP_FILE false)`)
    } finally {
      connection.closeSync()
    }
  }

  /** All committed rows are in the file; nothing else may be appended. */
  async close(): Promise<void> {
    for (const loader of this.loaders.values()) loader.close()
    this.loaders.clear()
    await this.connection.run('COMMIT')
    this.connection.closeSync()
  }

  private async reopen(): Promise<void> {
    await this.close()
    this.instance.closeSync()
    this.instance = await DuckDBInstance.create(this.path, SETTINGS)
    this.connection = await this.instance.connect()
    this.sinceOpened = 0
    await this.begin()
  }

  private async begin(): Promise<void> {
    for (const setting of lockedTo('allowed_directories', [this.options.copiesIn])) await this.connection.run(setting)
    await this.connection.run('BEGIN')
  }
}
