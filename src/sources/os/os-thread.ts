import { parentPort, workerData } from 'node:worker_threads'
import { everyAligned } from '../../base/aligned-timer.ts'
import { settledBy } from '../../base/bounded-wait.ts'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { OsLayer } from './os-layer.ts'
import type { OsBatch, OsOptions, OsSink, OsThreadMessage, OsThreadRequest } from './os-messages.ts'
import { ProcView } from './proc/proc-view.ts'

/**
 * Batches are small, but each wakes the client's thread, the store's, and a commit: the cost depends on their number.
 */
const POST_EVERY_MS = 500
/** All counts are sent along with every few batches: a reader looks at them once a second. */
const COUNTS_EVERY = 2

/** The thread's whole life: attaches, tells that it has, sends what it sees, and ends when it is asked to. */
async function run(port: NonNullable<typeof parentPort>, options: OsOptions): Promise<void> {
  const post = (message: OsThreadMessage): void => port.postMessage(message)
  const outbox = new Outbox(post)
  const probes = new OsLayer(options, outbox)
  let without: ReturnType<typeof problemOf> | null = null
  let work: Promise<void> = Promise.resolve()
  let isAttached = false
  const program = settledBy<void>('the program, which ends this thread', (resolve) =>
    port.on('message', (request: OsThreadRequest) => {
      if (request === 'stop') {
        resolve()
        // Probes that are still being attached are given up.
        if (!isAttached) void probes.stop()
      } else work = work.then(() => switchTo(request))
    }),
  )
  try {
    await probes.start()
    isAttached = true
  } catch (error) {
    await probes.stop()
    without = problemOf(error)
    if (!options.orProc) {
      post({ kind: 'failed', ...without })
      port.close()
      return
    }
  }
  const view = new ProcView(
    { target: options.target, tickMs: options.tickMs, alone: without !== null, followed: () => probes.followed() },
    outbox,
  )
  view.start()
  const missing = probes.missing.map(({ file, error }) => ({ file, ...problemOf(error) }))
  post({ kind: 'ready', without, missing })
  let batches = 0
  const postBatch = (counts: OsBatch['counts']): void => post({ kind: 'batch', ...outbox.take(counts) })
  const postAll = (): void => postBatch(probes.counts())
  const postInTurn = (): void => postBatch(batches++ % COUNTS_EVERY === 0 ? probes.counts() : null)
  let timer = everyAligned(POST_EVERY_MS, postInTurn)
  async function switchTo(request: 'pause' | 'resume'): Promise<void> {
    let problem: ReturnType<typeof problemOf> | null = null
    try {
      if (request === 'pause') {
        view.pause()
        if (without === null) await probes.pause()
        timer.clear()
        postAll()
      } else {
        if (without === null) await probes.resume()
        view.resume()
        timer = everyAligned(POST_EVERY_MS, postInTurn)
      }
    } catch (error) {
      problem = problemOf(error)
    }
    post({ kind: 'switched', problem })
  }
  await program
  await work
  timer.clear()
  view.stop()
  await probes.stop()
  postAll()
  port.close()
}

function problemOf(error: unknown): { message: string; hint: string | null } {
  return { message: errorText(error), hint: error instanceof LayerlineError ? (error.hint ?? null) : null }
}

/** What the layer sees, until it is sent. */
class Outbox implements OsSink {
  private batch = emptyBatch()
  private samples: number[] = []
  private tracks = 0
  /** Probes that are switched on again continue their counts. */
  private readonly counted = new Map<string, number>()
  private readonly post: (message: OsThreadMessage) => void

  constructor(post: (message: OsThreadMessage) => void) {
    this.post = post
  }

  child(pid: number, isOver: boolean): void {
    this.post({ kind: 'child', pid, isOver })
  }

  track(track: Parameters<OsSink['track']>[0]): number {
    const key = track.attrs.kind === 'delta' ? JSON.stringify(track) : null
    const known = key === null ? undefined : this.counted.get(key)
    if (known !== undefined) return known
    this.batch.tracks.push([this.tracks, track])
    if (key !== null) this.counted.set(key, this.tracks)
    return this.tracks++
  }

  sample(track: number, tNs: number, value: number | null): void {
    this.samples.push(track, tNs, value ?? Number.NaN)
  }

  slice(slice: Parameters<OsSink['slice']>[0]): void {
    this.batch.slices.push(slice)
  }

  clock(clock: Parameters<OsSink['clock']>[0]): void {
    this.batch.clocks.push(clock)
  }

  note(text: string): void {
    this.batch.notes.push(text)
  }

  lost(events: number): void {
    this.batch.lost += events
  }

  event(event: Parameters<OsSink['event']>[0]): void {
    this.batch.events.push(event)
  }

  take(counts: OsBatch['counts']): OsBatch {
    const batch = { ...this.batch, samples: Float64Array.from(this.samples), counts }
    this.batch = emptyBatch()
    this.samples = []
    return batch
  }
}

function emptyBatch(): OsBatch {
  return {
    tracks: [],
    samples: new Float64Array(),
    slices: [],
    clocks: [],
    notes: [],
    events: [],
    lost: 0,
    counts: null,
  }
}

if (parentPort !== null) void run(parentPort, workerData as OsOptions)
