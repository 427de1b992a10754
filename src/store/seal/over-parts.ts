import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { TABLES, type TableName } from '../../trace/tables.ts'
import { emptyTable, ident } from '../live-schema.ts'
import { readParquet } from '../sql-files.ts'

/**
 * Where sealing spills: on the run's disk, readable only by this user. What a killed seal leaves is removed with the
 * live files.
 */
export function sealScratch(folder: string): string {
  return mkdtempSync(join(folder, '.tmp-'))
}

/**
 * Asks over all sealed parts of some tables, as views of their names; what is spilled lies in the run's folder meanwhile.
 * Null where one of the tables has no part; those that are `optional` are empty then.
 */
export async function overParts<T>(
  folder: string,
  tables: readonly TableName[],
  memoryLimit: string,
  work: (connection: DuckDBConnection) => Promise<T>,
  optional: readonly TableName[] = [],
): Promise<T | null> {
  if (!tables.every((table) => existsSync(join(folder, table)))) return null
  const scratch = sealScratch(folder)
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: memoryLimit, temp_directory: scratch })
  const connection = await instance.connect()
  try {
    for (const table of [...tables, ...optional]) {
      if (!existsSync(join(folder, table))) {
        await connection.run(`CREATE VIEW ${ident(table)} AS ${emptyTable(TABLES[table])}`)
        continue
      }
      const parts = readParquet([join(folder, table)], '/part-*.parquet')
      await connection.run(`CREATE VIEW ${ident(table)} AS SELECT * FROM ${parts}`)
    }
    return await work(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
    rmSync(scratch, { recursive: true, force: true })
  }
}
