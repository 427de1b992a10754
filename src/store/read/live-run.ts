import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { onInterrupt } from '../../base/interruption.ts'
import type { ColumnSpec } from '../../trace/columns.ts'
import type { RunJson } from '../../trace/run-json.ts'
import { LIVE_TABLES, type LiveTableName, TABLES, type TableName } from '../../trace/tables.ts'
import { segmentFolder } from '../live/segments.ts'
import { createLiveTable, decodedColumns, ident, liveName, readColumn } from '../live-schema.ts'
import { lockedTo, readParquet } from '../sql-files.ts'
import { JOINED_VIEWS } from '../views/joined-views.ts'
import { CopyClient, recorderGone } from './copy-client.ts'
import { streamNumbers } from './number-batches.ts'
import type { QueryLimits } from './query-limits.ts'
import type { RowStream, StreamingReader } from './run-reader.ts'
import { collectRows, keepRows, streamSelect } from './sql-rows.ts'

/** One thread, since the machine is being measured; nothing is spilled, since the run needs the disk. */
const SETTINGS = { threads: '1', memory_limit: '512MB', temp_directory: '' }
const LIMITS: QueryLimits = { rows: 10_000_000, ms: 60_000 }

/**
 * Opens a run that is being recorded: its processes copy their rows into files, and queries run here, over these,
 * within limits. Whatever happens to the queries, the recording continues. Null if none of the sockets answers.
 */
export async function openLiveRun(
  folder: string,
  run: RunJson,
  sockets: readonly string[],
  limits: Partial<QueryLimits> = {},
): Promise<StreamingReader | null> {
  const clients: CopyClient[] = []
  for (const socket of sockets) {
    const client = await CopyClient.connect(socket)
    if (client !== null) clients.push(client)
  }
  if (clients.length === 0) return null
  const instance = await DuckDBInstance.create(':memory:', SETTINGS)
  const connection = await instance.connect()
  const reader = new LiveReader(folder, run, clients, instance, connection, { ...LIMITS, ...limits })
  try {
    await reader.open()
    return reader
  } catch (error) {
    await reader.close()
    throw error
  }
}

function wideColumns(table: TableName): string {
  return Object.entries<ColumnSpec>(TABLES[table].columns)
    .map(([name, spec]) => readColumn(name, spec))
    .join(', ')
}

class LiveReader implements StreamingReader {
  readonly folder: string
  readonly run: RunJson
  private readonly clients: readonly CopyClient[]
  private readonly instance: DuckDBInstance
  private readonly connection: DuckDBConnection
  private readonly limits: QueryLimits
  private closed = false
  private readonly letGo: () => void

  constructor(
    folder: string,
    run: RunJson,
    clients: readonly CopyClient[],
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    limits: QueryLimits,
  ) {
    this.folder = folder
    this.run = run
    this.clients = clients
    this.instance = instance
    this.connection = connection
    this.limits = limits
    this.letGo = onInterrupt(() => connection.interrupt())
  }

  /** Makes the views once; a copy of later rows goes below them. */
  async open(): Promise<void> {
    const locked = lockedTo('allowed_directories', [segmentFolder(this.folder)])
    for (const setting of locked) await this.connection.run(setting)
    await this.refresh()
    for (const table of Object.keys(TABLES) as TableName[]) {
      await this.connection.run(
        `CREATE VIEW ${ident(table)} AS SELECT ${wideColumns(table)} FROM (SELECT ${decodedColumns(table)} FROM ${liveName(table)})`,
      )
    }
    for (const view of JOINED_VIEWS) await this.connection.run(view)
  }

  async refresh(): Promise<void> {
    const files = new Map<LiveTableName, string[]>()
    for (const client of this.clients) {
      for (const [table, names] of Object.entries(await client.copy()) as [LiveTableName, readonly string[]][]) {
        const paths = names.map((name) => join(segmentFolder(this.folder), name))
        files.set(table, [...(files.get(table) ?? []), ...paths])
      }
    }
    for (const table of Object.keys(LIVE_TABLES) as LiveTableName[]) {
      const paths = files.get(table) ?? []
      const empty = `${liveName(table)}_none`
      if (paths.length === 0) await this.connection.run(createLiveTable(table, empty))
      const rows = paths.length === 0 ? `SELECT * FROM ${ident(empty)}` : `SELECT * FROM ${readParquet(paths)}`
      await this.connection.run(`CREATE OR REPLACE VIEW ${ident(liveName(table))} AS ${rows}`)
    }
  }

  async stream(sql: string): Promise<RowStream> {
    const { columns, batches } = await this.unlessSealed(() => streamSelect(this.connection, sql, this.limits))
    return { columns, batches: () => this.batchesUnlessSealed(batches()) }
  }

  async query(sql: string) {
    return collectRows(await this.stream(sql))
  }

  numbers(sql: string, atOnce?: boolean) {
    return this.batchesUnlessSealed(streamNumbers(this.connection, sql, atOnce, this.limits))
  }

  keep(name: string, select: string) {
    return this.unlessSealed(() => keepRows(this.connection, name, select, this.limits))
  }

  async fork() {
    return null
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.letGo()
    for (const client of this.clients) client.close()
    this.connection.closeSync()
    this.instance.closeSync()
  }

  private async unlessSealed<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw existsSync(segmentFolder(this.folder)) ? error : recorderGone(error)
    }
  }

  private async *batchesUnlessSealed<T>(batches: AsyncGenerator<T>): AsyncGenerator<T> {
    for (;;) {
      const next = await this.unlessSealed(() => batches.next())
      if (next.done) return
      yield next.value
    }
  }
}
