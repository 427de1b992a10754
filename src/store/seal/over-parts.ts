import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { TableName } from '../../trace/tables.ts'
import { ident, literal } from '../live-schema.ts'

/**
 * Asks over all sealed parts of some tables, as views of their names; what is spilled lies in the run's folder meanwhile.
 * Null where one of the tables has no part.
 */
export async function overParts<T>(
  folder: string,
  tables: readonly TableName[],
  memoryLimit: string,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T | null> {
  if (!tables.every((table) => existsSync(join(folder, table)))) return null
  const scratch = join(folder, '.tmp')
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: memoryLimit, temp_directory: scratch })
  const connection = await instance.connect()
  try {
    for (const table of tables) {
      const parts = literal(join(folder, table, 'part-*.parquet'))
      await connection.run(`CREATE VIEW ${ident(table)} AS SELECT * FROM read_parquet(${parts}, union_by_name = true)`)
    }
    return await work(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
    rmSync(scratch, { recursive: true, force: true })
  }
}
