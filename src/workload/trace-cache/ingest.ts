import { rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { literal } from '../../store/live-schema.ts'
import { readParquet } from '../../store/sql-files.ts'
import { TraceFacts } from '../arrivals/trace-facts.ts'
import type { RowCounts, RowShape, RowSource } from '../trace-rows/row-batch.ts'
import { CACHE_VERSION, type CacheMeta, readCacheMeta } from './cache-meta.ts'
import { PARQUET_OPTIONS, PartWriter, syncFile } from './part-writer.ts'

export interface IngestOptions {
  readonly onRows?: (rows: number) => void
  readonly signal?: AbortSignal
}

/**
 * Writes all rows of a source, in order of time, into an empty folder with a `meta.json`. It never makes the folder: a
 * signal may just have removed it. Rows that came out of order are sorted by the database, which uses the disk where they
 * do not fit its memory.
 */
export async function ingest(
  source: RowSource,
  path: string,
  shape: RowShape,
  folder: string,
  options: IngestOptions = {},
): Promise<CacheMeta> {
  const facts = new TraceFacts()
  const counts: RowCounts = {}
  const writer = await PartWriter.open(folder, shape)
  try {
    for await (const rows of source.batches(counts)) {
      options.signal?.throwIfAborted()
      facts.add(rows)
      await writer.add(rows)
      options.onRows?.(facts.rows)
    }
    await writer.end()
  } catch (error) {
    throw fullDisk(error, folder)
  } finally {
    await writer.close()
  }
  const parts = facts.isSorted ? writer.parts : [await sortParts(folder, facts)]
  const meta: CacheMeta = {
    version: CACHE_VERSION,
    source: basename(path),
    rows: facts.rows,
    firstUs: facts.rows === 0 ? 0 : facts.minUs,
    lastUs: facts.rows === 0 ? 0 : facts.maxUs,
    outOfOrder: facts.outOfOrder,
    hasEmpty: facts.zeroInputs + facts.zeroOutputs > 0,
    longest: facts.longest,
    counts,
    parts: [...parts],
  }
  await writeFile(join(folder, 'meta.json'), `${JSON.stringify(meta, null, 2)}\n`)
  await syncFile(join(folder, 'meta.json'))
  return meta
}

/** One part of all, in order; rows of one instant stay in the order of the file. */
async function sortParts(folder: string, facts: TraceFacts): Promise<CacheMeta['parts'][number]> {
  const file = 'sorted.parquet'
  // Beside the folder's parts, so that what a crash leaves goes with them.
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: '160MB',
    temp_directory: join(folder, 'sorting'),
    threads: '1',
  })
  const connection = await instance.connect()
  try {
    const rows = `SELECT * FROM ${readParquet([folder], '/part-*.parquet')} ORDER BY t_us, line`
    await connection.run(`COPY (${rows}) TO ${literal(join(folder, file))} (${PARQUET_OPTIONS})`)
  } catch (error) {
    throw fullDisk(error, folder)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
  await syncFile(join(folder, file))
  await rm(join(folder, 'sorting'), { recursive: true, force: true })
  for (let part = 0; ; part++) {
    const path = join(folder, `part-${String(part).padStart(5, '0')}.parquet`)
    if (!(await stat(path).catch(() => null))) break
    await rm(path)
  }
  return { file, firstUs: facts.minUs, lastUs: facts.maxUs }
}

function fullDisk(error: unknown, folder: string): unknown {
  if (!/no space left/i.test(errorText(error))) return error
  return new LayerlineError('missing/disk-space', `${folder}: no space left on the disk`, {
    hint: 'name another folder with --cache-dir (or TMPDIR, for an unsorted trace), or free some space',
    cause: error,
  })
}

/** Puts a finished folder in its place; one that another process finished first is as good, a damaged one goes. */
export async function publish(made: string, place: string): Promise<void> {
  try {
    await rename(made, place)
  } catch (error) {
    if (!(await stat(place).catch(() => null))) throw error
    if (readCacheMeta(place) !== null) {
      await rm(made, { recursive: true, force: true })
      return
    }
    await rm(place, { recursive: true, force: true })
    await rename(made, place)
  }
}
