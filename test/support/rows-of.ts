import { openRun } from '../../src/store/read/open-run.ts'
import type { SqlRow } from '../../src/store/read/run-reader.ts'

/** What a query answers on a run. */
export async function rowsOf(run: string, sql: string): Promise<SqlRow[]> {
  const reader = await openRun(run)
  try {
    return await reader.query(sql)
  } finally {
    await reader.close()
  }
}
