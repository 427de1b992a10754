import { type ChildProcess, fork } from 'node:child_process'
import { type ChildEnd, childEnd, endChild, LATE } from '../../base/bounded-wait.ts'
import { LayerlineError } from '../../base/errors.ts'
import { processStart } from '../../base/process-identity.ts'
import type { ServerInfo } from '../../sources/requests/probe.ts'
import { socketInFolder } from '../../store/run-folder.ts'
import type { RunPlan } from '../../trace/run-json.ts'
import type { Desk, OfferedRun, Offerer, OfferProgress } from '../offer.ts'
import { type FromWorker, type ToWorker, WORKER_VARIABLE, type WorkerTask } from './worker-messages.ts'

export interface WorkerFleetOptions {
  readonly loop: Offerer['loop']
  readonly workers: number
  readonly seed: number
  readonly server: ServerInfo
  /** Requests of the whole schedule; null where that is not known. */
  readonly planned: number | null
  /** What the workers are called with; null: what this process was. */
  readonly commandLine: readonly string[] | null
}

/** All workers get the start this long before it. */
const LEAD_NS = 150e6
/** A worker that cannot even read its command line in this time never will. */
const HELLO_MS = 60_000
/** Workers tell of themselves every second: one that offers and is silent for so long is dead or frozen. */
const SILENT_MS = 60_000
/** The same, once the run is to stop. */
const SILENT_STOPPING_MS = 10_000
const LOOK_MS = 500
const KILLED_MS = 5_000

type Told<T extends FromWorker['type']> = Extract<FromWorker, { type: T }>

/** One worker's process as this one sees it. */
class Worker {
  readonly child: ChildProcess
  progress: OfferProgress | null = null
  facts: Partial<RunPlan> | null = null
  failure: LayerlineError | null = null
  gone = false
  /** It has its start: from now on it tells of itself. */
  offers = false
  heardMs = performance.now()
  readonly ended: Promise<ChildEnd | null>
  /** It has not sent a message yet. */
  isMute = true
  private readonly waiting = new Map<FromWorker['type'], () => void>()

  constructor(
    args: readonly string[],
    onProgress: (message: Told<'progress'>) => void,
    onDone: (message: Told<'done'>) => void,
  ) {
    // Everyone on the machine may read the arguments of a process, and these may hold a key.
    this.child = fork(process.argv[1] ?? '', [], {
      env: { ...process.env, [WORKER_VARIABLE]: JSON.stringify(args) },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    const end = childEnd(this.child, { endedBy: 'itself, or `watch`, which kills one that is silent' })
    this.ended = end.then((how) => {
      this.gone = true
      for (const wake of this.waiting.values()) wake()
      return how === LATE ? null : how
    })
    this.child.on('message', (message) => {
      const told = message as FromWorker
      this.heardMs = performance.now()
      this.isMute = false
      if (told.type === 'progress') {
        this.progress = told.progress ?? this.progress
        onProgress(told)
      } else if (told.type === 'done') {
        this.facts = told.facts
        onDone(told)
      } else if (told.type === 'failed')
        this.failure = new LayerlineError(told.code, told.message, told.hint === undefined ? {} : { hint: told.hint })
      this.waiting.get(told.type)?.()
    })
  }

  /** Resolves when it has reported that, or is gone. */
  says(type: FromWorker['type']): Promise<void> {
    return new Promise((resolve) => {
      if (this.gone) resolve()
      else this.waiting.set(type, resolve)
    })
  }

  tell(message: ToWorker): void {
    if (this.child.connected) this.child.send(message, () => {})
  }
}

/**
 * Shards a schedule over processes that share nothing but the start time: each is this same command line, opens the
 * schedule itself, offers its part of it and records into a store of its own in the run's folder. What comes back
 * once a second is counts.
 */
export class WorkerFleet implements Offerer {
  readonly loop: Offerer['loop']
  private readonly options: WorkerFleetOptions
  private workers: Worker[] = []
  private lost = 0

  constructor(options: WorkerFleetOptions) {
    this.options = options
    this.loop = options.loop
  }

  async offer(desk: Desk, run: OfferedRun): Promise<void> {
    const { workers: count, commandLine } = this.options
    const args = commandLine ?? process.argv.slice(2)
    this.workers = Array.from(
      { length: count },
      () =>
        new Worker(
          args,
          ({ tally }) => run.merged(tally),
          ({ dropped, longestUncommittedMs }) => {
            run.countDropped(dropped)
            run.noteUncommitted(longestUncommittedMs)
          },
        ),
    )
    const { workers } = this
    desk.stop.onChange((stage) => this.tell({ type: 'stop', stage }))
    const pauses = this.watchGate(desk)
    const watch = this.watchSilence(desk)
    try {
      await Promise.all(workers.map((worker) => worker.says('hello')))
      run.addShards(
        workers.map(({ child }, index) => {
          const pid = child.pid ?? 0
          const socket = socketInFolder(run.folder, index + 1)
          return { shard: index + 1, pid, pid_start: processStart(pid), socket }
        }),
      )
      const ready = Promise.all(workers.map((worker) => worker.says('ready')))
      for (const [index, worker] of workers.entries()) {
        worker.tell({ type: 'task', task: this.taskOf(index, desk, run) })
      }
      if (desk.stop.stage !== 'running') this.tell({ type: 'stop', stage: desk.stop.stage })
      await ready
      for (const worker of workers) {
        worker.offers = true
        worker.heardMs = performance.now()
      }
      this.tell({ type: 'start', startNs: desk.clock.now() + LEAD_NS })
      await Promise.all(workers.map((worker) => this.over(worker)))
    } finally {
      clearInterval(watch)
      clearInterval(pauses)
      await Promise.all(workers.map(({ child }) => endChild(child, { signal: 'SIGKILL', patienceMs: KILLED_MS })))
    }
    const failure = workers.find((worker) => worker.failure !== null)?.failure
    if (failure != null) throw failure
    if (this.lost === workers.length) throw allLost(workers.length, await workers[0]?.ended)
  }

  progress(): OfferProgress | null {
    const known = this.workers.flatMap(({ progress }) => progress ?? [])
    const [first, ...others] = known
    if (first === undefined) return null
    const sum = others.reduce((total, each) => addProgress(total, each), first)
    const shares = known.flatMap(({ share }) => share ?? [])
    return {
      ...sum,
      planned: this.options.planned,
      share: shares.length === 0 ? null : shares.reduce((total, share) => total + share, 0) / this.workers.length,
    }
  }

  facts(): Partial<RunPlan> {
    const all = this.workers.flatMap(({ facts }) => facts ?? [])
    const cpu = all.flatMap(({ pacing_cpu_s }) => pacing_cpu_s ?? [])
    return {
      // Each worker reads the whole schedule: they counted the same.
      counts: all[0]?.counts ?? {},
      pacing_cpu_s: cpu.length === 0 ? null : cpu.reduce((total, s) => total + s, 0),
      workers_lost: this.lost,
    }
  }

  /** A worker that failed ends the run for all; if one died, the others continue. */
  private async over(worker: Worker): Promise<void> {
    await worker.ended
    if (worker.failure !== null) this.tell({ type: 'stop', stage: 'cut' })
    else if (worker.facts === null) this.lost++
  }

  private tell(message: ToWorker): void {
    for (const worker of this.workers) worker.tell(message)
  }

  private taskOf(index: number, { clock }: Desk, { folder, runId }: OfferedRun): WorkerTask {
    const { workers: count, seed, server } = this.options
    return {
      shard: { index, count },
      storeShard: index + 1,
      folder,
      runId,
      seed,
      server,
      epochUnixNs: clock.epochUnixNs.toString(),
      monotonicBaseNs: clock.monotonicBaseNs.toString(),
    }
  }

  /** Ends workers that cannot be heard of any more: frozen, or never begun. */
  private watchSilence({ stop }: Desk): NodeJS.Timeout {
    const beganMs = performance.now()
    let stoppedMs = Number.NaN
    return setInterval(() => {
      const nowMs = performance.now()
      if (stop.stage !== 'running' && Number.isNaN(stoppedMs)) stoppedMs = nowMs
      for (const worker of this.workers) {
        const sinceMs = Math.max(worker.heardMs, Number.isNaN(stoppedMs) ? 0 : stoppedMs)
        const isFrozen = (worker.offers || !Number.isNaN(stoppedMs)) && nowMs - sinceMs > limitMs(stoppedMs)
        const isMute = worker.isMute && nowMs - beganMs > HELLO_MS
        if ((isFrozen || isMute) && !worker.gone) worker.child.kill('SIGKILL')
      }
    }, LOOK_MS)
  }

  private watchGate({ gate }: Desk): NodeJS.Timeout {
    let paused = false
    return setInterval(() => {
      if (gate.paused === paused) return
      paused = gate.paused
      this.tell({ type: 'pause', paused })
    }, 20)
  }
}

function limitMs(stoppedMs: number): number {
  return Number.isNaN(stoppedMs) ? SILENT_MS : SILENT_STOPPING_MS
}

function allLost(workers: number, end: ChildEnd | null | undefined): LayerlineError {
  const how = end?.signal ?? (end?.code == null ? 'no reason known' : `exit code ${end.code}`)
  return new LayerlineError('internal/workers', `all ${workers} workers died before they were done (${how})`, {
    hint: 'the run holds what they had committed; check dmesg for kills by the out-of-memory killer, and for other causes',
  })
}

/** Counts are summed; of lags the worst is reported. */
function addProgress(a: OfferProgress, b: OfferProgress): OfferProgress {
  const sum = { ...a }
  for (const name of COUNTS) sum[name] = a[name] + b[name]
  const [lagA, lagB] = [a.lagMs, b.lagMs]
  sum.lagMs =
    lagA === null || lagB === null
      ? (lagA ?? lagB)
      : { p50: Math.max(lagA.p50, lagB.p50), p99: Math.max(lagA.p99, lagB.p99), max: Math.max(lagA.max, lagB.max) }
  return sum
}

const COUNTS = [
  ...(['sent', 'ok', 'failed', 'tokens', 'rxBytes', 'txBytes', 'txBodyBytes', 'rxBodyBytes'] as const),
  ...(['offered', 'inFlight', 'holding', 'held'] as const),
]
