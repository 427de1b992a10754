import type { DuckDBConnection } from '@duckdb/node-api'
import { LayerlineError } from '../../base/errors.ts'

/** What one query may take. */
export interface QueryLimits {
  /** Of its answer. */
  readonly rows: number
  /** For the database's next part of the answer; the time that the reader takes with it does not count. */
  readonly ms: number
}

/** Interrupts the database if it takes longer than `ms` for one part of an answer. */
export async function withinTime<T>(
  connection: DuckDBConnection,
  limits: QueryLimits | null,
  work: () => Promise<T>,
): Promise<T> {
  if (limits === null) return work()
  let late = false
  const timer = setTimeout(() => {
    late = true
    connection.interrupt()
  }, limits.ms)
  try {
    return await work()
  } catch (error) {
    if (late) throw overLimit(`no answer within ${limits.ms / 1000} s`)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** A query that took more than it may. */
export function overLimit(what: string, cause?: unknown): LayerlineError {
  return new LayerlineError('usage/sql-limit', `the query was ended: ${what}`, {
    hint: 'ask for less: join on a key, aggregate, or filter by time; nothing but this query was ended',
    cause,
  })
}
