import { type ChildProcess, fork } from 'node:child_process'
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

type Told<T extends FromWorker['type']> = Extract<FromWorker, { type: T }>

/** One worker's process as this one sees it. */
class Worker {
  readonly child: ChildProcess
  progress: OfferProgress | null = null
  facts: Partial<RunPlan> | null = null
  failure: LayerlineError | null = null
  gone = false
  readonly ended: Promise<void>
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
    this.ended = new Promise((resolve) => {
      const over = () => {
        this.gone = true
        for (const wake of this.waiting.values()) wake()
        resolve()
      }
      this.child.once('exit', over)
      this.child.once('error', over)
    })
    this.child.on('message', (message) => {
      const told = message as FromWorker
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

  /** Resolves when it has said so, or is gone. */
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
    const silent = setTimeout(() => {
      for (const { child } of workers) child.kill('SIGKILL')
    }, HELLO_MS)
    try {
      await Promise.all(workers.map((worker) => worker.says('hello')))
      clearTimeout(silent)
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
      this.tell({ type: 'start', startNs: desk.clock.now() + LEAD_NS })
      await Promise.all(workers.map((worker) => this.over(worker)))
    } finally {
      clearTimeout(silent)
      clearInterval(pauses)
      for (const { child, gone } of workers) if (!gone) child.kill('SIGKILL')
      await Promise.all(workers.map(({ ended }) => ended))
    }
    const failure = workers.find((worker) => worker.failure !== null)?.failure
    if (failure != null) throw failure
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

  /** One that failed ends the run for all; one that died leaves the others to go on. */
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

  private watchGate({ gate }: Desk): NodeJS.Timeout {
    let paused = false
    return setInterval(() => {
      if (gate.paused === paused) return
      paused = gate.paused
      this.tell({ type: 'pause', paused })
    }, 20)
  }
}

/** Counts add up; of lags the worst is told. */
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
