import { LATE, nextEvent, settledBy } from '../../base/bounded-wait.ts'
import { closeAll } from '../../base/close-all.ts'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { createRunClock } from '../../base/time.ts'
import type { Target } from '../../sources/requests/target.ts'
import { LiveStore, type LiveTotals } from '../../store/live/live-store.ts'
import { socketInFolder } from '../../store/run-folder.ts'
import { startClientSide } from '../client-side.ts'
import { OfferGate } from '../live/offer-gate.ts'
import { LiveTally } from '../live/tally.ts'
import type { Offerer } from '../offer.ts'
import { StopSignal } from '../stop-signal.ts'
import { type ErrorCode, type FromWorker, type ToWorker, WORKER_VARIABLE, type WorkerTask } from './worker-messages.ts'

/** Ids of tracks are the run's: each worker has a range of its own. */
const TRACKS_EACH = 1_000_000
const TELL_MS = 1000
/** The task comes when all workers are there, which takes as long as the slowest. */
const TASK_MS = 120_000

export interface ShardOptions {
  readonly target: Target
  readonly keepTexts: boolean
  readonly keepTokenIds: boolean
  readonly retries: number
  /** The offerer of this shard; `start` resolves to when all workers begin. */
  readonly offerer: (start: () => Promise<number>) => Offerer
}

/** A worker's side: controlled by the process that started it. */
export class WorkerLink {
  readonly task: WorkerTask
  private readonly stop = new StopSignal()
  private readonly started: Promise<number>
  private onPause: (paused: boolean) => void = () => {}

  private constructor(task: WorkerTask) {
    this.task = task
    process.on('disconnect', () => this.stop.advance('cut'))
    this.started = settledBy("the parent's word or end", (resolve) => {
      process.on('message', (message) => {
        const told = message as ToWorker
        if (told.type === 'start') resolve(told.startNs)
        else if (told.type === 'stop') this.stop.advance(told.stage)
        else if (told.type === 'pause') this.onPause(told.paused)
      })
      // If a start will not come, the wait ends, and the caller finds that the run is over.
      this.stop.onChange(() => resolve(Number.NaN))
    })
  }

  /** The link of a process that was started as a worker; null in any other. */
  static async open(): Promise<WorkerLink | null> {
    if (process.env[WORKER_VARIABLE] === undefined || process.send === undefined) return null
    // Ctrl-C reaches the whole group: what it means is for the parent to say. Without a parent all ends.
    interruption.take(() => undefined)
    const task = nextEvent(process, 'message', TASK_MS, ['disconnect'])
    tell({ type: 'hello' })
    const message = (await task) as ToWorker | typeof LATE | null
    if (message === LATE || message === null) throw new LayerlineError('internal/worker', 'no task came')
    if (message.type !== 'task') throw new LayerlineError('internal/worker', `received ${message.type} before its task`)
    return new WorkerLink(message.task)
  }

  /** Offers this shard and records it; the parent seals. */
  async run(options: ShardOptions): Promise<void> {
    const { task, stop } = this
    const clock = createRunClock({
      epochUnixNs: BigInt(task.epochUnixNs),
      monotonicBaseNs: BigInt(task.monotonicBaseNs),
    })
    let storeFailure: LayerlineError | null = null
    const { folder, storeShard: shard } = task
    const where = { folder, shard, socket: socketInFolder(folder, shard) }
    const store = await LiveStore.open(where, (error) => {
      storeFailure = error
      stop.advance('cut')
    })
    const gate = new OfferGate(clock.now)
    this.onPause = (paused) => (paused ? gate.pause() : gate.resume())
    stop.onChange(() => gate.resume())
    const tally = new LiveTally()
    let tracks = task.storeShard * TRACKS_EACH
    const side = startClientSide(
      {
        target: options.target,
        server: task.server,
        runId: task.runId,
        shard: task.storeShard,
        keepTexts: options.keepTexts,
        keepTokenIds: options.keepTokenIds,
        retries: options.retries,
        clock,
        trackIds: () => ++tracks,
      },
      store.writers,
      gate,
      stop,
      tally,
    )
    const offerer = options.offerer(() => {
      tell({ type: 'ready' })
      return this.started
    })
    const report = () => tell({ type: 'progress', progress: offerer.progress?.() ?? null, tally: tally.take() })
    const timer = setInterval(report, TELL_MS)
    const kept: { totals: LiveTotals | null } = { totals: null }
    try {
      await offerer.offer(side, { folder: task.folder, runId: task.runId, ...NOBODY })
    } finally {
      // Until all is written it tells that it lives.
      await closeAll([
        () => side.close(),
        async () => {
          kept.totals = await store.close()
        },
        () => clearInterval(timer),
      ])
    }
    if (storeFailure !== null) throw storeFailure
    report()
    const { dropped = {}, longestUncommittedMs = 0 } = kept.totals ?? {}
    await flushed({ type: 'done', facts: offerer.facts?.() ?? {}, dropped, longestUncommittedMs })
  }

  /** Reports why it cannot continue. */
  static async failed(error: unknown): Promise<void> {
    const { code, hint } = error instanceof LayerlineError ? error : { code: 'internal/worker', hint: undefined }
    await flushed({ type: 'failed', code: code as ErrorCode, message: errorText(error), hint })
  }

  /** Lets the process end. */
  static close(): void {
    if (process.connected) process.disconnect()
  }
}

const NOBODY = { addShards() {}, merged() {}, countDropped() {}, noteUncommitted() {} }

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

function flushed(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve())
    else resolve()
  })
}
