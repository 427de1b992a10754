import { hostname } from 'node:os'
import { Worker } from 'node:worker_threads'
import { atExit } from '../../base/at-exit.ts'
import { endThread, LATE, settledBy, unlessAborted, within } from '../../base/bounded-wait.ts'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { builtFile } from '../../base/package-files.ts'
import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import type { PreparedSource, SourceContext, Toggle } from '../source.ts'
import {
  OS_DEFAULTS,
  type OsBatch,
  type OsCount,
  type OsEvent,
  type OsOptions,
  type OsTarget,
  type OsThreadMessage,
  type OsThreadRequest,
} from './os-messages.ts'
import { defaultFiles, probeSet } from './probe-sets.ts'

/** A thread that does not end within this is terminated: the limit includes waiting for bpftrace's last counts. */
const STOP_MS = 15_000
const SWITCH_MS = 150_000
const WINDOW_FILE = 'oncpu'
/** The clock of every row of the layer before it was laid on the run's. */
const CLOCK = 'boottime'

export interface OsSourceOptions {
  readonly target: OsTarget
  /** Names of probe sets; the default ones where none is named. */
  readonly probes?: readonly string[] | undefined
  /** Libraries that the target will load, where that is known. */
  readonly libraries?: readonly string[]
  readonly ports?: readonly number[]
  readonly tickMs?: number
  readonly eventsPerSecond?: number
  readonly mapKeys?: number
  /** When every time on a CPU is to be a slice, s since the probes are attached. */
  readonly window?: { readonly fromS: number; readonly forS: number } | undefined
}

/** What was counted so far under a track's name, of one process; null: of the machine. */
export interface OsTotal {
  readonly name: string
  readonly unit: string
  readonly process: string | null
  readonly value: number
}

export interface OsSource extends PreparedSource {
  /** What of the probes does not work here, in a sentence each. */
  readonly missing: readonly string[]
  /** Whether probes count; else /proc is read, which shows no calls. */
  readonly probed: boolean
  /** The probe files that are attached. */
  readonly files: readonly string[]
  /** Counts by process and name, as last reported. */
  counts(): readonly OsCount[]
  /** What was added under each name of a track, by process. */
  totals(): OsTotal[]
  /** Called for each rare event, with its time on this machine's monotonic clock, ns. */
  onEvent: ((event: OsEvent) => void) | null
}

/**
 * Attaches the probes at once, so that nothing is missed of a target that is started next; their output is kept until
 * the run starts. Throws with a hint if nothing can be attached.
 */
export async function prepareOs(options: OsSourceOptions): Promise<OsSource> {
  const sets = options.probes?.flatMap((name) => probeSet(name).files.map((file) => file.name)) ?? defaultFiles()
  const files = [...new Set([...sets, ...(options.window === undefined ? [] : [WINDOW_FILE])])]
  const data: OsOptions = {
    ...OS_DEFAULTS,
    ...(options.tickMs === undefined ? {} : { tickMs: options.tickMs }),
    ...(options.eventsPerSecond === undefined ? {} : { eventsPerSecond: options.eventsPerSecond }),
    ...(options.mapKeys === undefined ? {} : { mapKeys: options.mapKeys }),
    target: options.target,
    files,
    // What was asked for by name and cannot be had is an error.
    orProc: options.probes === undefined,
    libraries: options.libraries ?? [],
    ports: options.ports ?? [],
    window: options.window,
  }
  const source = new ThreadSource(data)
  try {
    await unlessAborted(source.ready, interruption.signal)
  } catch (error) {
    await source.stop()
    throw error
  }
  source.letGo()
  return source
}

export function isOsSource(source: PreparedSource): source is OsSource {
  return source instanceof ThreadSource
}

class ThreadSource implements OsSource {
  problem: string | null = null
  probed = true
  missing: readonly string[] = []
  files: readonly string[] = []
  onEvent: ((event: OsEvent) => void) | null = null
  readonly ready: Promise<void>
  private onSwitched: (problem: { message: string; hint: string | null } | null) => void = () => undefined
  private readonly worker: Worker
  private readonly exit: Promise<void>
  private ended = false
  private readonly groups = new Map<number, () => void>()
  private readonly calledOff = new Map<number, () => void>()
  private context: SourceContext | null = null
  private kept: OsBatch[] = []
  private readonly ids: number[] = []
  private latest: readonly OsCount[] = []
  private readonly added = new Map<string, { -readonly [K in keyof OsTotal]: OsTotal[K] }>()
  private readonly totalOf: ({ value: number } | undefined)[] = []

  constructor(data: OsOptions) {
    this.worker = new Worker(builtFile('src/sources/os/os-thread'), { workerData: data })
    this.exit = settledBy('`stop`, which ends the thread', (resolve) =>
      this.worker.once('exit', () => {
        this.ended = true
        resolve()
      }),
    )
    this.ready = settledBy('the deadlines of the tools that the thread runs', (resolve, reject) => {
      this.worker.on('message', (message: OsThreadMessage) => {
        if (message.kind === 'batch') this.take(message)
        else if (message.kind === 'child') this.keep(message.pid, message.isOver)
        else if (message.kind === 'ready') {
          const { without, missing } = message
          this.missing = missing.map((each) => `os: ${each.file}: ${problemText(each)}`)
          this.probed = without === null
          this.files = this.probed ? data.files.filter((name) => !missing.some(({ file }) => file === name)) : []
          if (without !== null) this.problem = `os: from /proc alone: ${problemText(without)}`
          resolve()
        } else if (message.kind === 'switched') this.onSwitched(message.problem)
        else {
          const { message: why, hint } = message
          reject(new LayerlineError('missing/os', `os: ${why}`, hint === null ? {} : { hint }))
        }
      })
      this.worker.once('error', (error) => {
        this.problem = `the os layer stopped: ${errorText(error)}`
        reject(error)
      })
    })
  }

  /** From now on the thread alone does not keep the process alive. */
  letGo(): void {
    this.worker.unref()
  }

  async start(context: SourceContext): Promise<void> {
    this.context = context
    context.declareClock(CLOCK, context.clock.monotonicBaseNs)
    for (const note of this.missing) context.note(note)
    for (const batch of this.kept) this.write(batch, context)
    this.kept = []
  }

  /** bpftrace ends and is started again: probes that only ignore events would still cost most of their price. */
  get toggle(): Toggle {
    return {
      name: 'os',
      off: this.probed ? 'detached' : 'paused',
      pause: () => this.switched('pause'),
      resume: () => this.switched('resume'),
    }
  }

  private async switched(request: 'pause' | 'resume'): Promise<void> {
    if (this.ended) throw new Error('it has stopped')
    const answer = new Promise<void>((resolve, reject) => {
      this.onSwitched = (problem) => {
        if (problem === null) resolve()
        else reject(new Error(problemText(problem)))
      }
    })
    this.ask(request)
    if ((await within(Promise.race([answer, this.exit]), SWITCH_MS)) === LATE) throw new Error('it does not answer')
  }

  private ask(request: OsThreadRequest): void {
    this.worker.postMessage(request)
  }

  async stop(): Promise<void> {
    if (this.ended) return
    this.worker.ref()
    this.ask('stop')
    await endThread(this.worker, STOP_MS)
    for (const end of this.groups.values()) end()
  }

  /** A bpftrace ends with this program at the latest, even where its thread was ended by force. */
  private keep(pid: number, isOver: boolean): void {
    const end = (): void => {
      try {
        process.kill(-pid, 'SIGKILL')
      } catch {
        // It is gone.
      }
      this.groups.delete(pid)
    }
    if (isOver) {
      this.groups.delete(pid)
      this.calledOff.get(pid)?.()
      this.calledOff.delete(pid)
    } else {
      this.groups.set(pid, end)
      this.calledOff.set(pid, atExit(end))
    }
  }

  counts(): readonly OsCount[] {
    return this.latest
  }

  totals(): OsTotal[] {
    return [...this.added.values()]
  }

  private take(batch: OsBatch): void {
    for (const [id, track] of batch.tracks) {
      if (track.attrs.kind !== 'delta' || 'low' in track.attrs) continue
      const key = `${track.name} ${track.process}`
      let total = this.added.get(key)
      if (total === undefined) {
        total = { name: track.name, unit: track.unit, process: track.process, value: 0 }
        this.added.set(key, total)
      }
      this.totalOf[id] = total
    }
    for (let at = 0; at < batch.samples.length; at += 3) {
      const total = this.totalOf[batch.samples[at] as number]
      if (total !== undefined) total.value += batch.samples[at + 2] as number
    }
    this.latest = batch.counts ?? this.latest
    if (this.onEvent !== null) for (const event of batch.events) this.onEvent(event)
    if (this.context === null) this.kept.push(batch)
    else this.write(batch, this.context)
  }

  private write(batch: OsBatch, context: SourceContext): void {
    const { writers } = context
    const baseNs = Number(context.clock.monotonicBaseNs)
    for (const [id, track] of batch.tracks) {
      this.ids[id] = context.trackId()
      writers.tracks.append({
        track_id: this.ids[id],
        layer: codeOf(LAYERS, 'os'),
        host: hostname(),
        process: track.process,
        process_start_ns: track.processStartNs === null ? null : track.processStartNs - baseNs,
        thread: track.thread,
        device: track.device,
        name: track.name,
        unit: track.unit,
        clock: CLOCK,
        attrs: JSON.stringify(track.attrs),
      })
    }
    const { samples } = batch
    for (let at = 0; at < samples.length; at += 3) {
      const value = samples[at + 2] as number
      writers.counters.append({
        track_id: this.ids[samples[at] as number] as number,
        t_ns: (samples[at + 1] as number) - baseNs,
        value: Number.isNaN(value) ? null : value,
      })
    }
    for (const { track, tNs, durNs, name, category, bytes, args } of batch.slices) {
      writers.slices.append({
        slice_id: context.sliceId(),
        track_id: this.ids[track] as number,
        t_ns: tNs - baseNs,
        dur_ns: durNs,
        name_id: context.nameId(name),
        category,
        bytes: bytes ?? null,
        args: args === undefined ? null : JSON.stringify(args),
      })
    }
    for (const { tNs, offsetNs, uncertaintyNs, method } of batch.clocks) {
      const at = { t_ns: tNs - baseNs, offset_ns: offsetNs, uncertainty_ns: uncertaintyNs }
      writers.clocks.append({ clock: CLOCK, ...at, method })
    }
    if (batch.lost > 0) context.countLost('slices', batch.lost)
    for (const note of batch.notes) context.note(note)
  }
}

function problemText({ message, hint }: { message: string; hint: string | null }): string {
  return hint === null ? message : `${message}; ${hint}`
}
