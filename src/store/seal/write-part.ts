import { closeSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { createFresh } from '../../base/fresh-file.ts'
import { FORMAT } from '../../trace/run-json.ts'
import { TABLES, type TableName } from '../../trace/tables.ts'
import { ident, literal } from '../live-schema.ts'
import { fsyncFolder, syncFile } from '../run-folder.ts'

/** About this many rows make a row group: a 1 % window of 10 M slices then reads in 7 ms. */
const ROW_GROUP = 65_536

/**
 * Writes a query's rows as one part of a table: under a temporary name, synced, renamed. The query gives the table's
 * columns, sorted as its rows are; `level` is the zstd level.
 */
export async function writeSelect(
  connection: DuckDBConnection,
  folder: string,
  table: TableName,
  name: string,
  select: string,
  level = 3,
): Promise<void> {
  mkdirSync(join(folder, table), { recursive: true })
  const part = join(folder, table, name)
  const options = `FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL ${level}, ROW_GROUP_SIZE ${ROW_GROUP}, USE_TMP_FILE false, KV_METADATA {layerline_format: '${FORMAT.major}.${FORMAT.minor}'}`
  try {
    // Made here, so that the database follows no symbolic link of that name.
    closeSync(createFresh(`${part}.tmp`))
    await connection.run(`COPY (${select}) TO ${literal(`${part}.tmp`)} (${options})`)
  } catch (error) {
    rmSync(`${part}.tmp`, { force: true })
    const full = /no space left/i.test(errorText(error))
    throw new LayerlineError(
      full ? 'missing/disk-space' : 'internal/seal',
      `${part}: ${full ? 'no space left on the disk' : errorText(error)}`,
      {
        hint: `nothing is lost: free some space, then \`layerline recover ${folder}\``,
        cause: error,
      },
    )
  }
  syncFile(`${part}.tmp`)
  renameSync(`${part}.tmp`, part)
  fsyncFolder(join(folder, table))
}

/** What a sealed table's rows are sorted by, as SQL. */
export function sortKey(table: TableName): string {
  const first = TABLES[table].sortedBy
  const then: Partial<Record<TableName, string>> = {
    requests: 'request_id',
    chunks: 'request_id, "index"',
    counters: 'track_id',
    mips: 'level, track_id',
  }
  return [ident(first), then[table]].filter(Boolean).join(', ')
}
