import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { type CopyServer, serveCopies } from './copy-server.ts'
import { LiveDatabase } from './live-database.ts'
import { NativeTurn } from './native-turn.ts'
import { type CopyRows, SegmentCopies, segmentFolder } from './segments.ts'
import { type FromStore, nowMs, type StoreThreadData, type ToStore } from './store-messages.ts'

/** With the client handing rows over every 40 ms, `kill -9` loses at most 250 ms at rates that the thread keeps up with. */
const COMMIT_MS = 150
/** A pause between the segments of a copy is at most this long. */
const LONGEST_PAUSE_MS = 200

/** The thread that owns the live database: appends what it is handed, commits on a clock, copies rows for readers. */
class StoreThread {
  private readonly database: LiveDatabase
  private readonly turn: NativeTurn
  private readonly copies: SegmentCopies
  private readonly post: (message: FromStore, transfer?: ArrayBuffer[]) => void
  private server: CopyServer | null = null
  private timer: NodeJS.Timeout | undefined
  private failed = false
  private closed = false
  private commits = 0
  private longestCommitMs = 0
  private longestUncommittedMs = 0
  private uncommittedBytes = 0
  /** When the oldest row that is not committed was written, and when it was appended. */
  private oldestMs = Number.POSITIVE_INFINITY
  private appendedMs = Number.POSITIVE_INFINITY
  private queue: Promise<void> = Promise.resolve()

  private constructor(
    database: LiveDatabase,
    data: StoreThreadData,
    post: (message: FromStore, transfer?: ArrayBuffer[]) => void,
  ) {
    this.database = database
    this.turn = new NativeTurn(data.turn)
    this.copies = new SegmentCopies(data.folder, data.shard)
    this.post = post
  }

  static async start(
    data: StoreThreadData,
    post: (message: FromStore, transfer?: ArrayBuffer[]) => void,
  ): Promise<StoreThread> {
    const database = await LiveDatabase.open(data.path, { copiesIn: segmentFolder(data.folder) })
    const thread = new StoreThread(database, data, post)
    if (data.socket !== null) thread.server = await serveCopies(thread.readers, data.folder, data.socket)
    return thread
  }

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
    const { table, columns, rows, bytes, sinceMs } = message
    if (!this.failed) {
      await this.database.append(table, columns, rows)
      this.copies.appended(table, rows, bytes)
      this.uncommittedBytes += bytes
      this.oldestMs = Math.min(this.oldestMs, sinceMs)
      this.appendedMs = Math.min(this.appendedMs, nowMs())
      this.timer ??= setTimeout(() => this.enqueue(() => this.commit()), COMMIT_MS)
      // With much to append, the timer fires late, and so does its commit.
      if (nowMs() - this.appendedMs >= COMMIT_MS) await this.commit()
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
    this.longestUncommittedMs = Math.max(this.longestUncommittedMs, nowMs() - this.oldestMs)
    this.post({ type: 'kept', bytes: this.uncommittedBytes })
    this.uncommittedBytes = 0
    this.oldestMs = Number.POSITIVE_INFINITY
    this.appendedMs = Number.POSITIVE_INFINITY
  }

  private readonly readers = {
    take: (reader: object) => this.copies.take(reader, () => this.aside(() => this.commitNow()), this.copyRows),
    release: (reader: object) => this.copies.release(reader),
  }

  /** A failed commit ends the recording, whatever requested it. */
  private async commitNow(): Promise<void> {
    try {
      await this.commit()
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  /** A segment, then a pause of the same length: the recording has the thread for at least half of the time. */
  private readonly copyRows: CopyRows = async (table, from, to, path) => {
    const start = performance.now()
    await this.aside(() => this.database.copyRows(table, from, to, path))
    await sleep(Math.min(performance.now() - start, LONGEST_PAUSE_MS))
  }

  /** Queued with all other work, but its errors go only to the caller: the recording continues. */
  private aside(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.enqueue(async () => {
        if (this.closed || this.failed)
          return reject(new LayerlineError('unreachable/recorder', 'the recording has just ended'))
        await work().then(resolve, reject)
      })
    })
  }

  /** Always ends with `closed`: the client waits for it, whatever state a failure left the database in. */
  private async close(): Promise<void> {
    clearTimeout(this.timer)
    try {
      this.server?.close()
      await this.commit()
      this.closed = true
      // After a failure the appenders hold rows they cannot write: closing them would throw again.
      if (!this.failed) await this.database.close()
    } catch (error) {
      this.fail(error)
    } finally {
      const { commits, longestCommitMs, longestUncommittedMs } = this
      this.post({ type: 'closed', rows: this.database.rows, commits, longestCommitMs, longestUncommittedMs })
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
