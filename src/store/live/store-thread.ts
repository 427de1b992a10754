import { parentPort, workerData } from 'node:worker_threads'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { errorText } from '../../base/errors.ts'
import { LIVE_TABLES, type LiveTableName, TABLES, type TableName } from '../../trace/tables.ts'
import { createLiveTable, decodedColumns, ident, JOINED_VIEWS, liveName } from '../live-schema.ts'
import { BatchLoader } from './batch-loader.ts'
import { NativeTurn } from './native-turn.ts'
import { type RecorderServer, serveRecorder } from './recorder-server.ts'
import type { FromStore, StoreThreadData, ToStore } from './store-messages.ts'

/** With the client handing rows over every 40 ms, `kill -9` loses at most 250 ms. */
const COMMIT_MS = 150

/** Small enough that folding the log into the file does not hold a commit up for long. */
const SETTINGS = {
  threads: '1',
  memory_limit: '128MB',
  checkpoint_threshold: '32MB',
  preserve_insertion_order: 'false',
}

/** The thread that owns the live database: appends what it is handed, commits on a clock, answers readers. */
class StoreThread {
  private readonly loaders = new Map<LiveTableName, BatchLoader>()
  private readonly connection: DuckDBConnection
  private readonly turn: NativeTurn
  /** What was appended to since the last commit. */
  private readonly dirty = new Set<BatchLoader>()
  private failed = false
  private commits = 0
  private longestCommitMs = 0
  private queue: Promise<void> = Promise.resolve()

  private constructor(connection: DuckDBConnection, turn: NativeTurn) {
    this.connection = connection
    this.turn = turn
  }

  static async start(
    data: StoreThreadData,
    post: (message: FromStore, transfer?: ArrayBuffer[]) => void,
  ): Promise<StoreThread> {
    const instance = await DuckDBInstance.create(data.path, SETTINGS)
    const connection = await instance.connect()
    const thread = new StoreThread(connection, new NativeTurn(data.turn))
    thread.post = post
    for (const table of Object.keys(LIVE_TABLES) as LiveTableName[]) await connection.run(createLiveTable(table))
    for (const table of Object.keys(TABLES) as TableName[]) {
      await connection.run(`CREATE VIEW ${ident(table)} AS SELECT ${decodedColumns(table)} FROM ${liveName(table)}`)
    }
    for (const view of JOINED_VIEWS) await connection.run(view)
    await connection.run('CHECKPOINT')
    await connection.run('SET enable_external_access = false')
    await connection.run('SET lock_configuration = true')
    await connection.run('BEGIN')
    thread.server = data.socket === null ? null : await serveRecorder(instance, data.folder, data.socket)
    return thread
  }

  private post: (message: FromStore, transfer?: ArrayBuffer[]) => void = () => {}
  private server: RecorderServer | null = null
  private timer: NodeJS.Timeout | undefined

  receive(message: ToStore): void {
    this.enqueue(async () => {
      if (message.type === 'rows') await this.append(message)
      else if (message.type === 'commit') {
        await this.commit()
        this.post({ type: 'committed', id: message.id })
      } else await this.close()
    })
  }

  /** One thing at a time: appends never fall between a flush and its commit. */
  private enqueue(work: () => Promise<void>): void {
    this.queue = this.queue.then(() => this.turn.take(work)).catch((error: unknown) => this.fail(error))
  }

  private async append(message: Extract<ToStore, { type: 'rows' }>): Promise<void> {
    const { table, columns, rows } = message
    if (!this.failed) {
      let loader = this.loaders.get(table)
      if (loader === undefined) {
        loader = await BatchLoader.open(this.connection, table)
        this.loaders.set(table, loader)
      }
      loader.append(columns, rows)
      this.dirty.add(loader)
      this.timer ??= setTimeout(() => this.enqueue(() => this.commit()), COMMIT_MS)
    }
    const arrays = Object.values(columns)
    if (arrays.some((column) => Array.isArray(column))) this.post({ type: 'recycle', table, columns: null, rows })
    else {
      const buffers = arrays.map((column) => (column as Float64Array).buffer as ArrayBuffer)
      this.post({ type: 'recycle', table, columns, rows }, buffers)
    }
  }

  private async commit(): Promise<void> {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.dirty.size === 0 || this.failed) return
    const start = performance.now()
    for (const loader of this.dirty) loader.flush()
    this.dirty.clear()
    await this.connection.run('COMMIT; BEGIN')
    this.commits++
    this.longestCommitMs = Math.max(this.longestCommitMs, performance.now() - start)
  }

  /** Always ends in `closed`: the client waits for it, whatever state a failure left the database in. */
  private async close(): Promise<void> {
    const rows: Partial<Record<LiveTableName, number>> = {}
    clearTimeout(this.timer)
    try {
      this.server?.close()
      await this.commit()
      for (const [table, loader] of this.loaders) rows[table] = loader.rows
      // After a failure the appenders hold rows they cannot write: closing them would throw again.
      if (!this.failed) {
        for (const loader of this.loaders.values()) loader.close()
        await this.connection.run('COMMIT')
      }
    } catch (error) {
      this.fail(error)
    } finally {
      if (!this.failed) this.connection.closeSync()
      this.post({ type: 'closed', rows, commits: this.commits, longestCommitMs: this.longestCommitMs })
      parentPort?.close()
    }
  }

  private fail(error: unknown): void {
    if (this.failed) return
    this.failed = true
    const message = errorText(error)
    this.post({ type: 'failed', message, diskFull: /no space left|disk full|ENOSPC/i.test(message) })
  }
}

async function main(port: NonNullable<typeof parentPort>): Promise<void> {
  const post = (message: FromStore, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  try {
    const thread = await StoreThread.start(workerData as StoreThreadData, post)
    port.on('message', (message: ToStore) => thread.receive(message))
    post({ type: 'ready' })
  } catch (error) {
    post({ type: 'failed', message: errorText(error), diskFull: /no space left|ENOSPC/i.test(errorText(error)) })
    port.close()
  }
}

if (parentPort !== null) void main(parentPort)
