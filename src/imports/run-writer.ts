import { rmSync } from 'node:fs'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { removeAtExit } from '../base/at-exit.ts'
import { errorText, LayerlineError } from '../base/errors.ts'
import { processStart } from '../base/process-identity.ts'
import { VERSION } from '../base/version.ts'
import { BatchLoader } from '../store/live/batch-loader.ts'
import { RowBuffer } from '../store/live/row-buffer.ts'
import { createLiveTable } from '../store/live-schema.ts'
import { partName } from '../store/part-names.ts'
import { createRunFolder, liveFile, runIdOf, writeRunJson } from '../store/run-folder.ts'
import { sealRun } from '../store/seal/seal.ts'
import { FORMAT, type RunJson, type VerdictLine } from '../trace/run-json.ts'
import { LIVE_TABLES, type LiveTableName, type TableName } from '../trace/tables.ts'
import type { TraceRun } from './kineto/trace-run.ts'

/**
 * The most threads, streams and counters of one import: more are a fault of the file, and each costs memory in every
 * reader.
 */
const MOST_TRACKS = 100_000

type Writers = { readonly [K in LiveTableName]: RowBuffer<(typeof LIVE_TABLES)[K]> }

/**
 * A run that is made from a file: rows go to a database beside, a vector at a time, and sealing sorts them into parts.
 * Nothing is dropped, and memory does not grow with the file.
 */
export class RunWriter implements TraceRun {
  readonly folder: string
  readonly writers: Writers
  private run: RunJson
  private readonly instance: DuckDBInstance
  private readonly connection: DuckDBConnection
  private readonly loaders: readonly BatchLoader[]
  private readonly lost: Partial<Record<TableName, number>> = {}
  private readonly written: Partial<Record<TableName, number>> = {}
  private ids = { track: 0, slice: 0, request: 0, name: 0 }
  private lastNs = 0
  private closed = false
  /** Interrupted, half a run is not left behind. */
  private readonly keep: () => void

  private constructor(
    run: RunJson,
    folder: string,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    loaders: ReadonlyMap<LiveTableName, BatchLoader>,
  ) {
    this.run = run
    this.folder = folder
    this.keep = removeAtExit(folder)
    this.instance = instance
    this.connection = connection
    this.loaders = [...loaders.values()]
    this.writers = Object.fromEntries(
      [...loaders].map(([name, loader]) => [
        name,
        new RowBuffer(LIVE_TABLES[name] as never, (columns, rows) => {
          loader.append(columns, rows)
          return columns
        }),
      ]),
    ) as unknown as Writers
  }

  static async create(out: string | undefined, config: Record<string, unknown>): Promise<RunWriter> {
    const folder = createRunFolder('import', out)
    const run: RunJson = {
      format: { ...FORMAT },
      layerline: VERSION,
      run_id: runIdOf(folder),
      state: 'recording',
      command: 'import',
      config,
      epoch_ns: '0',
      clock_bases: {},
      started: new Date().toISOString(),
      ended: null,
      ended_by: null,
      planned_requests: null,
      plan: null,
      loop: null,
      hosts: [],
      engine: null,
      sampling: {},
      profiled: [],
      seed: 0,
      shards: [{ shard: 0, pid: process.pid, pid_start: processStart(process.pid), socket: null }],
      layers: {},
      store: null,
      books: [],
      verdict: [],
    }
    writeRunJson(folder, run)
    const instance = await DuckDBInstance.create(liveFile(folder, 0), { memory_limit: '512MB', threads: '1' })
    const connection = await instance.connect()
    const loaders = new Map<LiveTableName, BatchLoader>()
    for (const name of Object.keys(LIVE_TABLES) as LiveTableName[]) {
      await connection.run(createLiveTable(name))
      loaders.set(name, await BatchLoader.open(connection, name))
    }
    return new RunWriter(run, folder, instance, connection, loaders)
  }

  /** Names the run's zero, Unix µs; to be called before the first row. Clocks named have the same integer base. */
  setEpoch(unixUs: number, clocks: readonly string[] = []): void {
    const epoch = (BigInt(Math.round(unixUs)) * 1000n).toString()
    this.run = {
      ...this.run,
      epoch_ns: epoch,
      clock_bases: Object.fromEntries(['unix', ...clocks].map((name) => [name, epoch])),
      started: new Date(unixUs / 1000).toISOString(),
    }
  }

  /** What the file says about the whole run; `config` is added to what exists. */
  describe(what: Partial<Pick<RunJson, 'planned_requests' | 'loop'>>, config: Record<string, unknown>): void {
    this.run = { ...this.run, ...what, config: { ...this.run.config, ...config } }
  }

  /** A part beside the one that sealing writes, for rows that are sorted already. */
  readonly part = partName('importedProfile')
  readonly clock = 'unix'

  /** The run's zero is the first event, in whole µs. */
  zeroUnixNs(firstUnixNs: bigint): bigint {
    this.setEpoch(Number(firstUnixNs / 1000n))
    return (firstUnixNs / 1000n) * 1000n
  }

  /** Throws `input/import-tracks` past 100,000. */
  trackId(): number {
    const id = this.nextId('track')
    if (id <= MOST_TRACKS) return id
    throw new LayerlineError(
      'input/import-tracks',
      `more than ${MOST_TRACKS.toLocaleString('en-US')} tracks (threads, streams and counters)`,
      {
        hint: 'import a part of it: the events of some processes, or of some time',
      },
    )
  }

  /** `strings.id` of a text that has none yet; writes its row. */
  nameId(text: string): number {
    const id = this.nextId('name')
    this.writers.strings.append({ id, text })
    return id
  }

  reserveSlices(count: number): number {
    const before = this.ids.slice
    this.ids.slice += count
    return before
  }

  nextId(kind: 'track' | 'slice' | 'name'): number {
    return ++this.ids[kind]
  }

  /** Request ids begin at 0, like those of a schedule. */
  nextRequestId(): number {
    return this.ids.request++
  }

  get requestCount(): number {
    return this.ids.request
  }

  /** The run lasts at least until then. */
  until(tNs: number): void {
    if (tNs > this.lastNs) this.lastNs = tNs
  }

  /** What a reader of the run should know about the file. */
  note(level: VerdictLine['level'], what: string, text: string): void {
    this.run.verdict.push({ level, what, text })
  }

  lose(table: TableName, rows: number): void {
    this.lost[table] = (this.lost[table] ?? 0) + rows
  }

  /** Rows of a table that lie in a part of their own already; part 0 is the one that sealing writes. */
  wrote(table: TableName, rows: number): void {
    this.written[table] = (this.written[table] ?? 0) + rows
  }

  async finish(): Promise<RunJson> {
    try {
      for (const writer of Object.values(this.writers)) writer.flush()
      for (const loader of this.loaders) loader.close()
    } catch (error) {
      throw storeError(this.folder, error)
    } finally {
      this.close()
    }
    const { verdict } = this.run
    const ended =
      this.run.epoch_ns === '0'
        ? this.run.started
        : new Date(Date.parse(this.run.started) + this.lastNs / 1e6).toISOString()
    writeRunJson(this.folder, this.run)
    const sealed = await sealRun(this.folder, (run) => {
      return { ...run, ended, verdict, layers: this.withCounts(run.layers) }
    })
    this.keep()
    return sealed
  }

  /** Ends an import that failed: a run that holds half a file is not left behind. */
  abandon(): void {
    this.close()
    rmSync(this.folder, { recursive: true, force: true })
    this.keep()
  }

  private close(): void {
    if (this.closed) return
    this.closed = true
    this.connection.closeSync()
    this.instance.closeSync()
  }

  private withCounts(layers: RunJson['layers']): RunJson['layers'] {
    const all = { ...layers }
    for (const [table, rows] of Object.entries(this.written)) {
      all[table] = {
        rows: (all[table]?.rows ?? 0) + rows,
        dropped: all[table]?.dropped ?? 0,
        lost: all[table]?.lost ?? 0,
      }
    }
    for (const [table, lost] of Object.entries(this.lost)) {
      all[table] = { rows: all[table]?.rows ?? 0, dropped: 0, lost }
    }
    return all
  }
}

function storeError(folder: string, error: unknown): LayerlineError {
  const full = /no space left|ENOSPC/i.test(errorText(error))
  return new LayerlineError(
    full ? 'missing/disk-space' : 'internal/import',
    `${folder}: ${full ? 'no space left on the disk' : errorText(error)}`,
    { cause: error },
  )
}
