import type { DuckDBConnection } from '@duckdb/node-api'
import { readJoin } from '../../derived/scheduler-replay/read-join.ts'
import { partName } from '../part-names.ts'
import type { SqlRow } from '../read/run-reader.ts'
import { overParts } from './over-parts.ts'
import { writeSelect } from './write-part.ts'

const ROWS_AT_ONCE = 10_000

/**
 * Links each streamed event to the steps of a profile that made its tokens, if the run has no engine log that says so:
 * `inferred` if the replay of the scheduler finds them, `unresolved` if it does not. Returns how many links it wrote.
 */
export async function writeInferredLinks(folder: string, memoryLimit: string): Promise<number> {
  const tables = ['slices', 'strings', 'tracks', 'requests', 'chunks'] as const
  const written = await overParts(
    folder,
    tables,
    memoryLimit,
    async (connection) => {
      const query = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjects() as SqlRow[]
      const logged = await query(`SELECT 1::DOUBLE FROM slices WHERE category = 'step' LIMIT 1`)
      if (logged.length > 0) return 0
      const found = await readJoin(query, 'profile')
      if (found === null || found.links.length === 0) return 0
      await connection.run(
        'CREATE TABLE found (src_id UINTEGER, src_index UINTEGER, dst_id UINTEGER, share DOUBLE, confidence VARCHAR)',
      )
      await fill(
        connection,
        found.links.map(
          ({ requestId, index, stepId, share, doubt }) =>
            `(${requestId}, ${index}, ${stepId}, ${share}, '${doubt === null ? 'inferred' : 'unresolved'}')`,
        ),
      )
      await writeSelect(
        connection,
        folder,
        'links',
        partName('inferredLinks'),
        `SELECT 'chunk' AS src_kind, src_id, src_index, 'slice' AS dst_kind, dst_id, 'token of step' AS kind, share, confidence
        FROM found ORDER BY src_id, src_index, dst_id`,
      )
      return found.links.length
    },
    ['counters'],
  )
  return written ?? 0
}

async function fill(connection: DuckDBConnection, rows: readonly string[]): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    await connection.run(`INSERT INTO found VALUES ${rows.slice(from, from + ROWS_AT_ONCE).join(', ')}`)
  }
}
