import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { LayerlineError } from '../base/errors.ts'
import { interruption } from '../base/interruption.ts'
import { processStart } from '../base/process-identity.ts'
import { createRunClock, type RunClock, unixMinusMonotonic } from '../base/time.ts'
import { VERSION } from '../base/version.ts'
import { LiveStore, MAX_UNCOMMITTED_BYTES } from '../store/live/live-store.ts'
import { createRunFolder, runIdOf, runJsonFile, socketPath, writeRunJson } from '../store/run-folder.ts'
import { type SealProgress, sealRun } from '../store/seal/seal.ts'
import { folderGone, storageError } from '../store/storage-error.ts'
import { type EngineProvenance, FORMAT, type HostProvenance, type RunJson, type RunPlan } from '../trace/run-json.ts'
import type { TableName } from '../trace/tables.ts'

/** Distinct names of a run; those past it are one. */
const MOST_NAMES = 500_000
const OTHER_NAME = `(a name past the first ${MOST_NAMES})`

/** The wall clock is compared with the run's at least this often. */
const CLOCK_PROBE_MS = 30_000
/** How often the run's folder is checked for existence. */
const FOLDER_LOOK_MS = 1_000

export interface RecordingOptions {
  command: string
  out: string | undefined
  /** Where the folder is made when `out` does not name it; `runs` if absent. */
  parent?: string | undefined
  config: Record<string, unknown>
  sampling: Record<string, unknown>
  seed: number
  hosts: HostProvenance[]
  engine: EngineProvenance | null
  plannedRequests?: number | null
  loop?: RunJson['loop']
  plan?: RunPlan | null
}

/**
 * One run from its folder to its seal: run.json, the clock, the live store. Sources write to `store.writers`. It owns what it
 * opened: disposed of before it is finished, it closes the store, and `recover` can seal what was recorded.
 */
export class Recording implements AsyncDisposable {
  readonly folder: string
  readonly clock: RunClock
  readonly store: LiveStore
  /** Set when the store cannot continue; the session then stops offering. */
  failure: LayerlineError | null = null
  private readonly onFailure: (error: LayerlineError) => void
  private run: RunJson
  private readonly probe: NodeJS.Timeout
  private readonly look: NodeJS.Timeout
  /** An open run is sealed before a signal ends the process. */
  private readonly letGo = interruption.hold()
  private tracks = 0
  private slices = 0
  private readonly names = new Map<string, number>()
  private readonly droppedElsewhere: Record<string, number> = {}
  private readonly writtenElsewhere: Record<string, number> = {}
  private readonly lostElsewhere: Record<string, number> = {}
  private lastOffset = { offsetNs: 0, uncertaintyNs: 0 }

  private constructor(
    folder: string,
    clock: RunClock,
    store: LiveStore,
    run: RunJson,
    onFailure: (error: LayerlineError) => void,
  ) {
    this.onFailure = onFailure
    this.folder = folder
    this.clock = clock
    this.store = store
    this.run = run
    this.probeClock()
    this.probe = setInterval(() => this.probeClock(), CLOCK_PROBE_MS)
    this.probe.unref()
    this.look = setInterval(() => this.lookForFolder(), FOLDER_LOOK_MS)
    this.look.unref()
  }

  static async start(options: RecordingOptions, onFailure: (error: LayerlineError) => void): Promise<Recording> {
    const folder = createRunFolder(options.command, options.out, options.parent)
    const clock = createRunClock()
    const socket = socketPath(folder, 0)
    const { command, config, sampling, seed, hosts, engine } = options
    const run: RunJson = {
      format: { ...FORMAT },
      layerline: VERSION,
      run_id: runIdOf(folder),
      state: 'recording',
      command,
      config,
      epoch_ns: clock.epochUnixNs.toString(),
      clock_bases: { run: clock.monotonicBaseNs.toString(), unix: clock.epochUnixNs.toString() },
      started: new Date(Number(clock.epochUnixNs / 1_000_000n)).toISOString(),
      ended: null,
      ended_by: null,
      planned_requests: options.plannedRequests ?? null,
      loop: options.loop ?? null,
      plan: options.plan ?? null,
      hosts,
      engine,
      sampling,
      profiled: [],
      seed,
      shards: [{ shard: 0, pid: process.pid, pid_start: processStart(process.pid), socket }],
      layers: {},
      store: { max_uncommitted_bytes: MAX_UNCOMMITTED_BYTES, longest_uncommitted_ms: null },
      books: [],
      verdict: [],
    }
    writeRunJson(folder, run)
    const store = await LiveStore.open({ folder, shard: 0, socket }, (error) => recording.fail(error))
    const recording = new Recording(folder, clock, store, run, onFailure)
    return recording
  }

  get runId(): string {
    return this.run.run_id
  }

  /** Fresh track ids of this run, from 1. */
  readonly nextTrackId = (): number => ++this.tracks

  /** Fresh slice ids of this run, from 1. */
  readonly nextSliceId = (): number => ++this.slices

  /** Ids for so many slices that are written elsewhere: returns the last one before them. */
  readonly reserveSlices = (count: number): number => {
    const before = this.slices
    this.slices += count
    return before
  }

  /** `strings.id` of a text, from 1; writes its row the first time. */
  readonly nameId = (text: string): number => {
    const known = this.names.get(text)
    if (known !== undefined) return known
    // A source with ever new texts would fill the memory.
    if (this.names.size >= MOST_NAMES && text !== OTHER_NAME) return this.nameId(OTHER_NAME)
    const id = this.names.size + 1
    this.names.set(text, id)
    this.store.writers.strings.append({ id, text })
    return id
  }

  /** The system's clock minus the run's, less the epoch, as last measured. */
  get unixOffset(): { readonly offsetNs: number; readonly uncertaintyNs: number } {
    return this.lastOffset
  }

  /**
   * Changes run.json while the run is recorded: new facts on hosts and clocks. If the disk refuses it, the run fails.
   */
  amend(change: (run: RunJson) => RunJson): void {
    this.run = change(this.run)
    if (this.failure !== null) return
    try {
      writeRunJson(this.folder, this.run)
    } catch (error) {
      this.fail(storageError(this.folder, error))
    }
  }

  /** The run cannot be recorded any further; the first reason counts. */
  private fail(error: LayerlineError): void {
    if (this.failure !== null) return
    this.failure = error
    this.onFailure(error)
  }

  private lookForFolder(): void {
    if (this.store.isClosing) return
    if (statSync(runJsonFile(this.folder), { throwIfNoEntry: false }) === undefined) this.fail(folderGone(this.folder))
  }

  /** The longest flush and commit of the store thread, ms; known once the run is finished. */
  longestCommitMs = 0

  /** The longest that a row of the run waited for its commit, ms. */
  private longestUncommittedMs = 0

  /** The longest that a row of another process of the run waited for its commit. */
  noteUncommitted(longestMs: number): void {
    this.longestUncommittedMs = Math.max(this.longestUncommittedMs, longestMs)
  }

  /** Rows that other processes of the run could not keep, by table. */
  countDropped(dropped: Readonly<Record<string, number>>): void {
    for (const [table, count] of Object.entries(dropped)) {
      this.droppedElsewhere[table] = (this.droppedElsewhere[table] ?? 0) + count
    }
  }

  /** Rows of a table that lie in a part of their own already. */
  countWritten(table: TableName, rows: number): void {
    this.writtenElsewhere[table] = (this.writtenElsewhere[table] ?? 0) + rows
  }

  /** Rows of a table that their source had lost. */
  countLost(table: TableName, rows: number): void {
    this.lostElsewhere[table] = (this.lostElsewhere[table] ?? 0) + rows
  }

  /** Closes the store and seals. Rows dropped by a full queue are counted in run.json. */
  async finish(
    endedBy: NonNullable<RunJson['ended_by']> = 'done',
    onProgress?: (progress: SealProgress) => void,
  ): Promise<RunJson> {
    clearInterval(this.probe)
    clearInterval(this.look)
    this.probeClock()
    const totals = await this.store.close()
    this.lookForFolder()
    // Rows that the last commit could not keep would be silently missing from the seal.
    if (this.failure !== null) throw this.failure
    this.longestCommitMs = totals.longestCommitMs
    this.noteUncommitted(totals.longestUncommittedMs)
    const store = { max_uncommitted_bytes: MAX_UNCOMMITTED_BYTES, longest_uncommitted_ms: this.longestUncommittedMs }
    this.run = await sealRun(
      this.folder,
      (run) => ({ ...run, ended_by: endedBy, store, layers: this.withCounts(run.layers, totals.dropped) }),
      onProgress,
    )
    return this.run
  }

  /** Writes what analysis concluded into the sealed run's run.json. */
  conclude({ verdict, books }: Pick<RunJson, 'verdict' | 'books'>): void {
    this.run = { ...this.run, verdict, books }
    writeRunJson(resolve(this.folder), this.run)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.probe)
    clearInterval(this.look)
    await this.store.close()
    this.letGo()
  }

  private withCounts(layers: RunJson['layers'], dropped: Readonly<Record<string, number>>): RunJson['layers'] {
    const counted = { ...layers }
    const add = (what: 'rows' | 'dropped' | 'lost', counts: Readonly<Record<string, number>>) => {
      for (const [table, count] of Object.entries(counts)) {
        const before = counted[table] ?? { rows: 0, dropped: 0, lost: 0 }
        counted[table] = { ...before, [what]: before[what] + count }
      }
    }
    add('rows', this.writtenElsewhere)
    add('lost', this.lostElsewhere)
    add('dropped', dropped)
    add('dropped', this.droppedElsewhere)
    return counted
  }

  private probeClock(): void {
    const { offsetNs, uncertaintyNs } = unixMinusMonotonic()
    const sinceEpochNs = Number(offsetNs + this.clock.monotonicBaseNs - this.clock.epochUnixNs)
    this.lastOffset = { offsetNs: sinceEpochNs, uncertaintyNs }
    this.store.writers.clocks.append({
      clock: 'unix',
      t_ns: this.clock.now(),
      offset_ns: sinceEpochNs,
      uncertainty_ns: uncertaintyNs,
      method: "tick of the system clock's millisecond",
    })
  }
}
