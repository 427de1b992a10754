import { setTimeout as sleep } from 'node:timers/promises'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { LIVE_TABLES, type LiveTableName, TABLES, type TableName } from '../../trace/tables.ts'
import { createLiveTable, decodedColumns, ident, JOINED_VIEWS, liveName } from '../live-schema.ts'
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
 * DuckDB 1.5 keeps 4 KB for each vector of 2,048 rows that two commits share, for as long as the file is open: 2 MB a million
 * rows, none of which it can give back. Once they take a large part of its memory it fails at a checkpoint, and with it the run.
 */
const REOPEN_ROWS = 8_000_000
/** How long a reader waits for that at most: a few commits. */
const OVERDUE_MS = 500
const LOOK_MS = 50

/** The live database file of a run, written by one connection in commits, and opened anew before what it keeps in memory grows large. */
export class LiveDatabase {
  private readonly path: string
  private readonly reopenRows: number
  private instance: DuckDBInstance
  private connection: DuckDBConnection
  private readonly loaders = new Map<LiveTableName, BatchLoader>()
  /** What was appended to since the last commit. */
  private readonly dirty = new Set<BatchLoader>()
  private readonly appended: Partial<Record<LiveTableName, number>> = {}
  private sinceOpened = 0
  private readers = 0
  private overdue = false
  private reopening: Promise<void> | null = null

  private constructor(path: string, reopenRows: number, instance: DuckDBInstance, connection: DuckDBConnection) {
    this.path = path
    this.reopenRows = reopenRows
    this.instance = instance
    this.connection = connection
  }

  /** Makes the file, with all tables and views. */
  static async open(path: string, { reopenRows = REOPEN_ROWS } = {}): Promise<LiveDatabase> {
    const instance = await DuckDBInstance.create(path, SETTINGS)
    const connection = await instance.connect()
    for (const table of Object.keys(LIVE_TABLES) as LiveTableName[]) await connection.run(createLiveTable(table))
    for (const table of Object.keys(TABLES) as TableName[]) {
      await connection.run(`CREATE VIEW ${ident(table)} AS SELECT ${decodedColumns(table)} FROM ${liveName(table)}`)
    }
    for (const view of JOINED_VIEWS) await connection.run(view)
    await connection.run('CHECKPOINT')
    const database = new LiveDatabase(path, reopenRows, instance, connection)
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

  /** All that was appended is in the file; where nobody reads, the file is opened anew if it is time for that. */
  async commit(): Promise<void> {
    for (const loader of this.dirty) loader.flush()
    this.dirty.clear()
    await this.connection.run('COMMIT; BEGIN')
    if (this.sinceOpened < this.reopenRows) return
    // Readers who come one upon the other must not put it off for ever.
    if (this.readers > 0) this.overdue ||= this.sinceOpened >= 2 * this.reopenRows
    else {
      this.overdue = false
      this.reopening = this.reopen()
      await this.reopening
    }
  }

  /** Does something with a connection of its own, which is closed behind it. */
  async read(work: (connection: DuckDBConnection) => Promise<void>): Promise<void> {
    for (let waited = 0; this.overdue && waited < OVERDUE_MS; waited += LOOK_MS) await sleep(LOOK_MS)
    this.readers++
    try {
      await this.reopening
      const connection = await this.instance.connect()
      try {
        await work(connection)
      } finally {
        connection.closeSync()
      }
    } finally {
      this.readers--
    }
  }

  /** What was committed is in the file; nothing else may be appended. */
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
    await this.connection.run('SET enable_external_access = false')
    await this.connection.run('SET lock_configuration = true')
    await this.connection.run('BEGIN')
  }
}
