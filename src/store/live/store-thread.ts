import { parentPort, workerData } from 'node:worker_threads'
import { errorText } from '../../base/errors.ts'
import { LiveDatabase } from './live-database.ts'
import { NativeTurn } from './native-turn.ts'
import { type RecorderServer, serveRecorder } from './recorder-server.ts'
import type { FromStore, StoreThreadData, ToStore } from './store-messages.ts'

/** With the client handing rows over every 40 ms, `kill -9` loses at most 250 ms. */
const COMMIT_MS = 150

/** The thread that owns the live database: appends what it is handed, commits on a clock, answers readers. */
class StoreThread {
  private readonly database: LiveDatabase
  private readonly turn: NativeTurn
  private failed = false
  private commits = 0
  private longestCommitMs = 0
  private queue: Promise<void> = Promise.resolve()

  private constructor(database: LiveDatabase, turn: NativeTurn) {
    this.database = database
    this.turn = turn
  }

  static async start(
    data: StoreThreadData,
    post: (message: FromStore, transfer?: ArrayBuffer[]) => void,
  ): Promise<StoreThread> {
    const database = await LiveDatabase.open(data.path)
    const thread = new StoreThread(database, new NativeTurn(data.turn))
    thread.post = post
    if (data.socket !== null)
      thread.server = await serveRecorder((work) => database.read(work), data.folder, data.socket)
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
      await this.database.append(table, columns, rows)
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
    if (!this.database.isDirty || this.failed) return
    const start = performance.now()
    await this.database.commit()
    this.commits++
    this.longestCommitMs = Math.max(this.longestCommitMs, performance.now() - start)
  }

  /** Always ends in `closed`: the client waits for it, whatever state a failure left the database in. */
  private async close(): Promise<void> {
    clearTimeout(this.timer)
    try {
      this.server?.close()
      await this.commit()
      // After a failure the appenders hold rows they cannot write: closing them would throw again.
      if (!this.failed) await this.database.close()
    } catch (error) {
      this.fail(error)
    } finally {
      const { commits, longestCommitMs } = this
      this.post({ type: 'closed', rows: this.database.rows, commits, longestCommitMs })
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
