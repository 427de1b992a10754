import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { LayerlineError } from '../../base/errors.ts'
import { onInterrupt } from '../../base/interruption.ts'
import { isSameProcessAlive } from '../../base/process-identity.ts'
import { scratchFolder } from '../../base/scratch-folder.ts'
import type { RunJson } from '../../trace/run-json.ts'
import { TABLES, type TableName } from '../../trace/tables.ts'
import { emptyTable, ident } from '../live-schema.ts'
import { isPartName } from '../part-names.ts'
import { readRunJson } from '../run-folder.ts'
import { lockedTo } from '../sql-files.ts'
import { JOINED_VIEWS } from '../views/joined-views.ts'
import { openLiveRun } from './live-run.ts'
import { streamNumbers } from './number-batches.ts'
import { partsSelect } from './part-columns.ts'
import type { QueryLimits } from './query-limits.ts'
import type { StreamingReader } from './run-reader.ts'
import { collectRows, keepRows, streamSelect } from './sql-rows.ts'

/** How much memory the queries of a sealed run may take; DuckDB's spelling. */
const MEMORY = '2GB'

/**
 * Opens a run for reading: a sealed one from its parts, one still being recorded from copies that its recorder makes; `limits` are
 * for the queries of that, `memory` for those of a sealed one. One that a crash left open says so.
 */
export async function openRun(
  folderAsGiven: string,
  limits: Partial<QueryLimits> = {},
  memory = MEMORY,
): Promise<StreamingReader> {
  const folder = resolve(folderAsGiven)
  const run = readRunJson(folder)
  if (run.state === 'sealed') return openSealed(folder, run, memory)
  const alive = run.shards.filter(({ pid, pid_start }) => isSameProcessAlive(pid, pid_start))
  if (alive.length === 0) {
    throw new LayerlineError('input/run-open', `${folder}: its recorder is gone and the run was never sealed`, {
      hint: `layerline recover ${folderAsGiven}`,
    })
  }
  const sockets = alive.flatMap(({ socket }) => socket ?? [])
  try {
    const reader = await openLiveRun(folder, run, sockets, limits)
    if (reader !== null) return reader
  } catch (error) {
    // It may have been sealed since its run.json was read.
    if (!(error instanceof LayerlineError) || error.code !== 'unreachable/recorder') throw error
    if (readRunJson(folder).state !== 'sealed') throw error
  }
  const now = readRunJson(folder)
  if (now.state === 'sealed') return openSealed(folder, now, memory)
  throw stillRecording(folder, alive[0]?.pid)
}

function stillRecording(folder: string, pid: number | undefined): LayerlineError {
  return new LayerlineError('input/still-recording', `${folder}: still recording, pid ${pid}`, {
    hint: 'it can be read when that process ends; or stop it with Ctrl-C: what it has recorded is kept',
  })
}

async function openSealed(folder: string, run: RunJson, memory: string): Promise<StreamingReader> {
  const scratch = spillFolder()
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: memory, temp_directory: scratch ?? '' })
  const connection = await instance.connect()
  const forks = new Set<() => void>()
  const close = () => {
    for (const closeFork of forks) closeFork()
    instance.closeSync()
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true })
  }
  const readerOn = (own: DuckDBConnection, limits: QueryLimits | null, closeAll: () => void): StreamingReader => {
    const letGo = onInterrupt(() => own.interrupt())
    const closeOwn = () => {
      if (!forks.delete(closeOwn)) return
      letGo()
      own.closeSync()
    }
    forks.add(closeOwn)
    const stream = (sql: string) => streamSelect(own, sql, limits)
    return {
      folder,
      run,
      stream,
      query: async (sql) => collectRows(await stream(sql)),
      numbers: (sql, atOnce) => streamNumbers(own, sql, atOnce, limits),
      keep: (name, select) => keepRows(own, name, select, limits),
      refresh: async () => {},
      fork: async (forkLimits) => {
        const forked = await instance.connect()
        return readerOn(forked, forkLimits, () => {})
      },
      close: async () => {
        closeOwn()
        closeAll()
      },
    }
  }
  try {
    const parts = await sealedViews(connection, folder, true)
    for (const setting of lockedTo('allowed_paths', parts)) await connection.run(setting)
  } catch (error) {
    connection.closeSync()
    close()
    throw error
  }
  return readerOn(connection, null, close)
}

/** Where queries spill; null if no folder can be made: queries that fit in memory still work. */
function spillFolder(): string | null {
  try {
    return scratchFolder('sql')
  } catch {
    return null
  }
}

function partsOf(folder: string, table: TableName): string[] {
  const inside = join(folder, table)
  if (!existsSync(inside)) return []
  return readdirSync(inside)
    .filter(isPartName)
    .sort()
    .map((name) => join(inside, name))
}

/** A table of fewer bytes is read once when the run is opened: a report asks dozens of times, and each opens the file anew. */
const SMALL_BYTES = 1 << 20

/** Makes a view of every table over a sealed run's parts, and the joined views; returns the parts read. `wide`: amounts in 64 bits, small tables in memory. */
export async function sealedViews(connection: DuckDBConnection, folder: string, wide = false): Promise<string[]> {
  const files: string[] = []
  for (const table of Object.keys(TABLES) as TableName[]) {
    const parts = partsOf(folder, table)
    const select = parts.length === 0 ? emptyTable(TABLES[table]) : await partsSelect(connection, table, parts, wide)
    const inMemory =
      wide && parts.length > 0 && bytesOf(parts) < SMALL_BYTES && (await isRead(connection, table, select))
    if (!inMemory) await connection.run(`CREATE VIEW ${ident(table)} AS ${select}`)
    files.push(...parts)
  }
  for (const view of JOINED_VIEWS) await connection.run(view)
  return files
}

/** False if that cannot be done: the caller that asks for the rows gets the reason. */
async function isRead(connection: DuckDBConnection, table: TableName, select: string): Promise<boolean> {
  try {
    await connection.run(`CREATE TABLE ${ident(table)} AS ${select}`)
    return true
  } catch {
    return false
  }
}

function bytesOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + statSync(file).size, 0)
}
