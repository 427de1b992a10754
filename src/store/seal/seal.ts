import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { errorText, LayerlineError } from '../../base/errors.ts'
import type { RunJson } from '../../trace/run-json.ts'
import { LIVE_TABLES, type LiveTableName, TABLES, type TableName } from '../../trace/tables.ts'
import { createLiveTable, decodedColumns, liveName } from '../live-schema.ts'
import { partName } from '../part-names.ts'
import { refuseLinks } from '../refuse-links.ts'
import { liveFile, readRunJson, writeRunJson } from '../run-folder.ts'
import { writeInferredLinks } from './inferred-links.ts'
import { allRequests, UNENDED } from './interrupted-requests.ts'
import { countersMips, slicesMips } from './mips.ts'
import { sealScratch } from './over-parts.ts'
import { writeStepLinks } from './step-links.ts'
import { sortKey, writeSelect } from './write-part.ts'

export interface SealProgress {
  table: TableName
  done: number
  total: number
}

const MEMORY_LIMIT = '1GB'

/**
 * Seals a run whose recorder has gone: live rows become sorted Parquet parts (written aside, synced, renamed),
 * run.json becomes `sealed`, and only then the live files go. Can be cut off and repeated at any point.
 * Requests without an end become `interrupted`. Returns the run as sealed.
 */
export async function sealRun(
  folder: string,
  change: (run: RunJson) => RunJson = (run) => run,
  onProgress: (progress: SealProgress) => void = () => {},
): Promise<RunJson> {
  let run = readRunJson(folder)
  refuseLinks(folder)
  if (run.state !== 'sealed') {
    const rows: Partial<Record<TableName, number>> = {}
    for (const shard of liveShards(folder)) {
      await sealShard(folder, shard, run, rows, onProgress)
    }
    const links = (await writeStepLinks(folder, MEMORY_LIMIT)) + (await writeInferredLinks(folder, MEMORY_LIMIT))
    if (links > 0) rows.links = (rows.links ?? 0) + links
    // Nothing answers on a sealed run's sockets, and its folder may be moved.
    const shards = run.shards.map((shard) => ({ ...shard, socket: null }))
    run = change({
      ...run,
      shards,
      layers: withRows(run, rows),
      state: 'sealed',
      ended: run.ended ?? new Date().toISOString(),
    })
    writeRunJson(folder, run)
  }
  removeLive(folder)
  return run
}

/** By the files in the folder, not by run.json: no live file is removed unsealed. */
function liveShards(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => {
    const shard = /^live-(\d+)\.duckdb$/.exec(name)?.[1]
    return shard === undefined ? [] : [Number(shard)]
  })
}

async function sealShard(
  folder: string,
  shard: number,
  run: RunJson,
  rows: Partial<Record<TableName, number>>,
  onProgress: (progress: SealProgress) => void,
): Promise<void> {
  const scratch = sealScratch(folder)
  let instance: DuckDBInstance
  try {
    instance = await openLive(folder, shard, scratch)
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true })
    throw error
  }
  const connection = await instance.connect()
  try {
    // A recorder that was killed at its start has made only some of them.
    for (const table of Object.keys(LIVE_TABLES) as LiveTableName[]) await connection.run(createLiveTable(table))
    const tables = Object.keys(TABLES) as TableName[]
    for (const [index, table] of tables.entries()) {
      onProgress({ table, done: index, total: tables.length })
      const count = await writePart(connection, folder, shard, table, run)
      rows[table] = (rows[table] ?? 0) + count
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function openLive(folder: string, shard: number, scratch: string): Promise<DuckDBInstance> {
  const path = liveFile(folder, shard)
  try {
    return await DuckDBInstance.create(path, { memory_limit: MEMORY_LIMIT, temp_directory: scratch })
  } catch (error) {
    const text = errorText(error)
    if (/lock/i.test(text)) {
      throw new LayerlineError(
        'input/still-recording',
        `${path}: another process holds this file; the run is still being recorded`,
        {
          hint: 'stop that process first, or wait for it',
          cause: error,
        },
      )
    }
    throw new LayerlineError('input/live-store', `${path}: ${text}`, { hint: 'the live file is damaged', cause: error })
  }
}

/** Writes one table of one shard if it has rows; returns how many. */
async function writePart(
  connection: DuckDBConnection,
  folder: string,
  shard: number,
  table: TableName,
  run: RunJson,
): Promise<number> {
  const select =
    table === 'requests' ? requestsSelect(run, (await numberOf(connection, UNENDED)) > 0) : selectFor(table)
  const count = await numberOf(connection, `SELECT count(*)::DOUBLE FROM (${select})`)
  if (count === 0) return 0
  const order = table === 'chunks' && (await chunksInOrder(connection)) ? '' : ` ORDER BY ${sortKey(table)}`
  await writeSelect(connection, folder, table, partName('rows', shard), `${select}${order}`)
  return count
}

/**
 * Whether events are already sorted as they should be: a client that stamps each event on arrival writes them so.
 * Sorting takes as long as writing.
 */
async function chunksInOrder(connection: DuckDBConnection): Promise<boolean> {
  const outOfOrder = await numberOf(
    connection,
    `SELECT count(*)::DOUBLE FROM (
      SELECT t_ns, lag(t_ns) OVER () AS t0, request_id, lag(request_id) OVER () AS r0, "index", lag("index") OVER () AS i0 FROM ${liveName('chunks')})
    WHERE t_ns < t0 OR t_ns = t0 AND (request_id < r0 OR request_id = r0 AND "index" < i0)`,
  )
  return outOfOrder === 0
}

async function numberOf(connection: DuckDBConnection, sql: string): Promise<number> {
  return Number((await connection.runAndReadAll(sql)).getRows()[0]?.[0] ?? 0)
}

function requestsSelect(run: RunJson, unended: boolean): string {
  return `SELECT ${decodedColumns('requests', 'enums')} FROM (${allRequests(run.profiled, unended)})`
}

function selectFor(table: Exclude<TableName, 'requests'>): string {
  if (table === 'mips') return `${countersMips(liveName('counters'))} UNION ALL ${slicesMips(liveName('slices'))}`
  return `SELECT ${decodedColumns(table, 'enums')} FROM ${liveName(table)}`
}

function withRows(run: RunJson, rows: Partial<Record<TableName, number>>): RunJson['layers'] {
  const layers = { ...run.layers }
  for (const [table, count] of Object.entries(rows)) {
    if (count > 0 || layers[table] !== undefined)
      layers[table] = { dropped: layers[table]?.dropped ?? 0, lost: layers[table]?.lost ?? 0, rows: count }
  }
  return layers
}

/** Everything of the live store; a half-written part is overwritten or removed with it. */
function removeLive(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/^live-\d+\.duckdb(\.wal)?$|^recorder-\d+\.sock$|\.tmp$|^\.tmp|^\.live$/.test(name))
      rmSync(join(folder, name), { recursive: true, force: true })
  }
  for (const table of Object.keys(TABLES)) {
    if (!existsSync(join(folder, table))) continue
    for (const name of readdirSync(join(folder, table))) {
      if (name.endsWith('.tmp')) rmSync(join(folder, table, name), { force: true })
    }
  }
}
