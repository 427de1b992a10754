import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { atExit } from '../../base/at-exit.ts'
import { endThread, LATE, nextEvent, settledBy, within } from '../../base/bounded-wait.ts'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { builtFile } from '../../base/package-files.ts'
import { LIVE_TABLES, type LiveTableName } from '../../trace/tables.ts'
import { liveFile } from '../run-folder.ts'
import { folderGone, storageError } from '../storage-error.ts'
import { batchBytes } from './batch-bytes.ts'
import { cleanTexts } from './clean-texts.ts'
import { NativeTurn } from './native-turn.ts'
import { type Columns, RowBuffer } from './row-buffer.ts'
import { type FromStore, nowMs, type StoreThreadData, type ToStore } from './store-messages.ts'

/** Rows leave the client's thread at least this often. */
const FLUSH_MS = 40
/**
 * Rows that are written and not committed hold at most so much: past it those of the large tables are dropped and counted. Memory stays bounded, and
 * so does what a kill can lose.
 */
export const MAX_UNCOMMITTED_BYTES = 64 * 2 ** 20
const DROPPABLE: ReadonlySet<LiveTableName> = new Set(['chunks', 'counters', 'slices', 'texts'])
const SPARE_BATCHES = 128
/** A thread that has not made its database in this time never will. */
const OPEN_MS = 60_000
/** While the store closes, the thread commits the waiting batches; one that reports none for this long is stuck. */
const STUCK_MS = 60_000
/** How long the thread may take to exit once it has closed. */
const END_MS = 2_000

type Writers = { [K in LiveTableName]: RowBuffer<(typeof LIVE_TABLES)[K]> }

export interface LiveTotals {
  readonly rows: Partial<Record<LiveTableName, number>>
  readonly dropped: Partial<Record<LiveTableName, number>>
  readonly commits: number
  readonly longestCommitMs: number
  /** The longest that a row waited for its commit, from when it was written. */
  readonly longestUncommittedMs: number
}

/**
 * The live store as the client's thread sees it: one typed writer per table. Rows go to a separate thread, which
 * commits them every 150 ms; nothing here waits for a disk.
 */
export class LiveStore {
  readonly writers: Writers
  private readonly folder: string
  private readonly worker: Worker
  private readonly keepTurn: () => void
  private readonly spare = new Map<LiveTableName, Columns[]>()
  private readonly dropped: Partial<Record<LiveTableName, number>> = {}
  private timer: NodeJS.Timeout | undefined
  private queuedRows = 0
  private uncommittedBytes = 0
  private readonly firstMs: Partial<Record<LiveTableName, number>> = {}
  private nextCommit = 1
  private readonly waiting = new Map<number, () => void>()
  private failure: LayerlineError | null = null
  private closing = false
  private closed: Promise<LiveTotals> | null = null
  private readonly failed: (error: LayerlineError) => void

  private constructor(folder: string, worker: Worker, turn: NativeTurn, failed: (error: LayerlineError) => void) {
    this.folder = folder
    this.worker = worker
    this.keepTurn = atExit(turn.end)
    this.failed = failed
    const writers: Record<string, RowBuffer<never>> = {}
    for (const name of Object.keys(LIVE_TABLES) as LiveTableName[]) {
      writers[name] = new RowBuffer(
        LIVE_TABLES[name] as never,
        (columns, rows) => this.ship(name, columns, rows),
        () => {
          this.firstMs[name] = nowMs()
          this.timer ??= setTimeout(() => this.flush(), FLUSH_MS)
        },
      )
    }
    this.writers = writers as unknown as Writers
    worker.on('message', (message: FromStore) => this.receive(message))
    worker.on('error', (error) =>
      this.fail(new LayerlineError('internal/store', `the store thread died: ${error.message}`, { cause: error })),
    )
    worker.on('exit', () => {
      if (!this.closing) this.fail(new LayerlineError('internal/store', 'the store thread ended before the run did'))
    })
  }

  /**
   * Opens `live-<shard>.duckdb` in the run's folder; `failed` is called once if the store cannot continue (disk full).
   */
  static async open(
    options: { folder: string; shard: number; socket: string | null },
    failed: (error: LayerlineError) => void,
  ): Promise<LiveStore> {
    const turn = new NativeTurn()
    const data: StoreThreadData = {
      path: liveFile(options.folder, options.shard),
      folder: options.folder,
      shard: options.shard,
      socket: options.socket,
      turn: turn.shared,
    }
    const worker = new Worker(builtFile('src/store/live/store-thread'), { workerData: data, execArgv: [] })
    let first: unknown
    try {
      first = await nextEvent(worker, 'message', OPEN_MS, ['exit'])
    } catch (cause) {
      throw new LayerlineError('internal/store', `the store thread died: ${errorText(cause)}`, { cause })
    }
    if (first !== LATE && first !== null) {
      const message = first as FromStore
      if (message.type !== 'failed') return new LiveStore(options.folder, worker, turn, failed)
      await endThread(worker, END_MS)
      throw storeError(message, options.folder)
    }
    await endThread(worker, 0)
    throw new LayerlineError('internal/store', `${data.path}: the store thread did not open it`)
  }

  /** Rows handed over that the store has not taken yet. */
  get queued(): number {
    return this.queuedRows
  }

  /** Hands over what is buffered; the thread commits it at its next tick. */
  flush(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    for (const writer of Object.values(this.writers)) writer.flush()
  }

  /** Resolves when everything written so far can be read and survives `kill -9`. */
  commit(): Promise<void> {
    this.flush()
    if (this.failure !== null) return Promise.resolve()
    const id = this.nextCommit++
    return new Promise((resolve) => {
      this.waiting.set(id, resolve)
      this.post({ type: 'commit', id })
    })
  }

  /** It takes no more rows: the recorder has finished with the run's folder. */
  get isClosing(): boolean {
    return this.closed !== null
  }

  /** Commits the rest and closes the file; the run can then be sealed. A second call returns the same promise. */
  close(): Promise<LiveTotals> {
    this.closed ??= this.closeOnce()
    return this.closed
  }

  private async closeOnce(): Promise<LiveTotals> {
    this.flush()
    this.closing = true
    const totals = await this.whenClosed()
    await endThread(this.worker, END_MS)
    this.keepTurn()
    return {
      rows: totals?.rows ?? {},
      dropped: this.dropped,
      commits: totals?.commits ?? 0,
      longestCommitMs: totals?.longestCommitMs ?? 0,
      longestUncommittedMs: totals?.longestUncommittedMs ?? 0,
    }
  }

  /** What the thread reports when it closes; null if it is gone or stuck. */
  private async whenClosed(): Promise<Extract<FromStore, { type: 'closed' }> | null> {
    let heard = performance.now()
    const closed = settledBy<Extract<FromStore, { type: 'closed' }> | null>('the limit below', (resolve) => {
      this.worker.on('message', (message: FromStore) => {
        heard = performance.now()
        if (message.type === 'closed') resolve(message)
      })
      this.whenGone(() => resolve(null))
    })
    this.post({ type: 'close' })
    for (;;) {
      const leftMs = STUCK_MS - (performance.now() - heard)
      const totals = leftMs <= 0 ? LATE : await within(closed, leftMs)
      if (totals !== LATE) return totals
      if (performance.now() - heard < STUCK_MS) continue
      this.fail(new LayerlineError('internal/store', `the store thread did not close within ${STUCK_MS / 1000} s`))
      return null
    }
  }

  private whenGone(gone: () => void): void {
    if (this.worker.threadId === -1) gone()
    else this.worker.once('exit', gone)
  }

  private ship(table: LiveTableName, columns: Columns, rows: number): Columns | undefined {
    const bytes = batchBytes(columns, rows)
    const full = this.uncommittedBytes + bytes > MAX_UNCOMMITTED_BYTES && DROPPABLE.has(table)
    if (this.failure !== null || full) {
      this.dropped[table] = (this.dropped[table] ?? 0) + rows
      return columns
    }
    this.queuedRows += rows
    this.uncommittedBytes += bytes
    // Texts are copied when they are sent in any case. Few rows have texts, so the other columns are copied too, and
    // nothing is recycled.
    const copies = Object.values(columns).some((column) => Array.isArray(column))
    const buffers: ArrayBuffer[] = []
    const sent: Columns = {}
    for (const [name, column] of Object.entries(columns)) {
      const own = Array.isArray(column)
        ? cleanTexts(table, name, column, rows)
        : copies
          ? column.slice(0, rows)
          : column
      sent[name] = own
      if (!Array.isArray(own)) buffers.push(own.buffer as ArrayBuffer)
    }
    const sinceMs = this.firstMs[table] ?? nowMs()
    this.worker.postMessage({ type: 'rows', table, columns: sent, rows, bytes, sinceMs } satisfies ToStore, buffers)
    return copies ? columns : this.spare.get(table)?.pop()
  }

  private receive(message: FromStore): void {
    if (message.type === 'recycle') {
      this.queuedRows -= message.rows
      if (message.columns === null) return
      const spare = this.spare.get(message.table) ?? []
      if (spare.length < SPARE_BATCHES) spare.push(message.columns)
      this.spare.set(message.table, spare)
    } else if (message.type === 'kept') {
      this.uncommittedBytes -= message.bytes
    } else if (message.type === 'committed') {
      this.waiting.get(message.id)?.()
      this.waiting.delete(message.id)
    } else if (message.type === 'failed') {
      this.fail(storeError(message, this.folder))
    }
  }

  private fail(error: LayerlineError): void {
    if (this.failure !== null) return
    this.failure = error
    for (const resolve of this.waiting.values()) resolve()
    this.waiting.clear()
    this.failed(error)
  }

  private post(message: ToStore): void {
    this.worker.postMessage(message)
  }
}

function storeError(message: Extract<FromStore, { type: 'failed' }>, folder: string): LayerlineError {
  if (message.diskFull || existsSync(folder)) {
    return message.diskFull
      ? storageError(folder, new Error(`no space left on the disk: ${message.message}`))
      : new LayerlineError('internal/store', `${folder}: ${message.message}`)
  }
  return folderGone(folder)
}
