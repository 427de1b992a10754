import { type DuckDBConnection, type DuckDBPreparedStatement, StatementType } from '@duckdb/node-api'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { overLimit } from './query-limits.ts'

/** DuckDB turns some pragmas and calls into SELECTs: what was written must read like a query, too. */
const QUERY_WORDS = new Set(['select', 'with', 'from', 'values', 'table', 'describe', 'summarize', 'show'])
/** Functions of a SELECT that change the whole instance, or hide a query in a string. */
const FORBIDDEN =
  /\b((?:enable|disable)_\w+|write_log|(?:force_)?checkpoint|truncate_duckdb_logs|sleep_ms|query|query_table|json_execute_serialized_sql)"?(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*\(/i
/** What DuckDB says of a Parquet file whose head is right and whose rows are not. */
const DAMAGED =
  /parquet file|reading parquet|failed to read file|could not read enough bytes|don't know what type|TProtocolException|magic bytes|(zstd|snappy|gzip|lz4) decompression/i
const COMMENTS_AND_PARENTHESES = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|\()*/

/**
 * Prepares the one statement a reader may run: exactly one SELECT. EXPLAIN is refused because it can wrap a
 * COPY that writes; what a SELECT could reach outside the run is closed by the connection's settings.
 */
export async function prepareSelect(connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
  if (sql.replace(COMMENTS_AND_PARENTHESES, '') === '')
    throw new LayerlineError('usage/sql', 'expected a SELECT, found nothing')
  const forbidden = FORBIDDEN.exec(sql)?.[1]
  if (forbidden !== undefined) {
    throw new LayerlineError('usage/sql', `${forbidden}(): not allowed here`, {
      hint: 'a run is read-only: functions that change the database or run other SQL are refused',
    })
  }
  let type: StatementType
  let statement: DuckDBPreparedStatement
  try {
    const extracted = await connection.extractStatements(sql)
    if (extracted.count !== 1) {
      throw new LayerlineError('usage/sql', `expected exactly one SELECT, found ${extracted.count} statements`)
    }
    statement = await extracted.prepare(0)
    type = statement.statementType
  } catch (error) {
    if (error instanceof LayerlineError) throw error
    throw sqlError(error)
  }
  const word = /^\w*/.exec(sql.replace(COMMENTS_AND_PARENTHESES, ''))?.[0].toLowerCase() ?? ''
  if (type !== StatementType.SELECT || !QUERY_WORDS.has(word)) {
    throw new LayerlineError('usage/sql', `expected a SELECT, found ${word.toUpperCase() || 'something else'}`, {
      hint: 'a run is read-only: use SELECT, WITH … SELECT, FROM or VALUES',
    })
  }
  return statement
}

/** Turns DuckDB's error into a LayerlineError. */
export function sqlError(error: unknown): LayerlineError {
  if (error instanceof LayerlineError) return error
  const text = errorText(error)
  if (/^Out of Memory Error/i.test(text)) return overLimit(`out of memory: ${text.split('\n')[0]}`, error)
  if (DAMAGED.test(text)) {
    return new LayerlineError('input/run-part', `a file of the run is damaged: ${text.split('\n')[0]}`, {
      hint: 'get the file from a copy of the run; moved out of the run, only its rows are missing',
      cause: error,
    })
  }
  if (/Permission Error|file system operations are disabled/i.test(text)) {
    return new LayerlineError('usage/sql', text, { hint: "SQL reads this run's tables only, no other files" })
  }
  return new LayerlineError('usage/sql', text, {
    hint: 'tables: requests, chunks, texts, tracks, slices, strings, counters, links, clocks, mips; views and columns: docs/run-format.md',
    cause: error,
  })
}
