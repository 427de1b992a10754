import type { DuckDBConnection } from '@duckdb/node-api'

const HOUR_US = 3600e6
const DAY_US = 24 * HOUR_US
const SECOND_US = 1e6
/** Stamps of 0 that are this many spans away from the others are invalid; those of events that lasted, further. */
const ZERO_SPANS = 1
const ZERO_SPANS_LASTING = 100
/** A duration of this many spans of all starts, and an hour, is invalid. */
const DURATION_SPANS = 100

/** What was removed from one file's rows. */
export interface Implausible {
  /** Slices and samples stamped at a time when nothing else was. */
  readonly wildSlices: number
  readonly wildSamples: number
  /** Slices that last longer than the profile can. */
  readonly endless: number
}

interface Extent {
  readonly rows: number
  readonly minUs: number
  readonly maxUs: number
}

/**
 * Deletes rows of a file with impossible times from `spooled` and `sampled` (slice-spool.ts), and returns how many. The
 * order of the rows does not matter: most of them lie together, and those are believed. Rows more than a day from the
 * next of them are invalid; so is a stamp of 0 or earlier, which stands for a lost record, if it lies apart.
 */
export async function deleteImplausible(connection: DuckDBConnection, file: number): Promise<Implausible> {
  const none = { wildSlices: 0, wildSamples: 0, endless: 0 }
  const [all] = await extents(connection, timesOf(file))
  if (all === undefined) return none
  const longest = Number((await values(connection, `SELECT max(dur_ns) FROM spooled WHERE file = ${file}`))[0] ?? 0)
  const hasZeros = all.minUs <= 0 && all.maxUs - all.minUs > SECOND_US
  if (all.maxUs - all.minUs < DAY_US && !hasZeros && longest < HOUR_US * 1000) return none
  const main = await densest(connection, file)
  let { minUs } = main
  const { maxUs } = main
  let lasting = Number.NEGATIVE_INFINITY
  if (minUs <= 0) {
    const [after] = await extents(connection, `SELECT us FROM (${timesOf(file)}) WHERE us > 0 AND us <= ${maxUs}`)
    if (after !== undefined && after.rows * 2 > main.rows) {
      const apart = (spans: number) => after.minUs > Math.max(SECOND_US, spans * (after.maxUs - after.minUs))
      if (apart(ZERO_SPANS_LASTING)) minUs = after.minUs
      else if (apart(ZERO_SPANS)) lasting = after.minUs
    }
  }
  const outside = `file = ${file} AND (us < ${minUs} OR us > ${maxUs} OR (us <= 0 AND us < ${sqlNumber(lasting)} AND dur_ns = 0))`
  const wildSlices = await deleted(connection, `DELETE FROM spooled WHERE ${outside}`)
  const wildSamples = await deleted(
    connection,
    `DELETE FROM sampled WHERE file = ${file} AND (us < ${minUs} OR us > ${maxUs})`,
  )
  const [left] = await extents(connection, timesOf(file))
  const span = left === undefined ? 0 : left.maxUs - left.minUs
  const most = Math.max(HOUR_US, DURATION_SPANS * span) * 1000
  const endless = await deleted(connection, `DELETE FROM spooled WHERE file = ${file} AND dur_ns > ${most}`)
  return { wildSlices, wildSamples, endless }
}

/** The part of a file's times with the most rows, parts being more than a day apart; of equal ones the later. */
async function densest(connection: DuckDBConnection, file: number): Promise<Extent> {
  const found = await extents(
    connection,
    `SELECT us, sum(fresh) OVER (ORDER BY us ROWS UNBOUNDED PRECEDING) AS part FROM (
      SELECT us, CASE WHEN us - lag(us) OVER (ORDER BY us) > ${DAY_US} THEN 1 ELSE 0 END AS fresh FROM (${timesOf(file)}))`,
    'part',
  )
  return found[0] as Extent
}

function timesOf(file: number): string {
  return `SELECT us FROM spooled WHERE file = ${file} UNION ALL SELECT us FROM sampled WHERE file = ${file}`
}

/** Of a relation `(us)`, or of each part of one `(us, part)`: the one with the most rows first, then the latest. */
async function extents(connection: DuckDBConnection, times: string, by = '()'): Promise<Extent[]> {
  const result = await connection.runAndReadAll(
    `SELECT count(*), min(us), max(us) FROM (${times}) GROUP BY ${by} HAVING count(*) > 0 ORDER BY 1 DESC, 2 DESC`,
  )
  return result.getRows().map(([rows, minUs, maxUs]) => ({
    rows: Number(rows),
    minUs: Number(minUs),
    maxUs: Number(maxUs),
  }))
}

async function values(connection: DuckDBConnection, sql: string): Promise<readonly unknown[]> {
  return (await connection.runAndReadAll(sql)).getRows()[0] ?? []
}

async function deleted(connection: DuckDBConnection, sql: string): Promise<number> {
  return Number((await values(connection, sql))[0] ?? 0)
}

function sqlNumber(value: number): string {
  return Number.isFinite(value) ? String(value) : `'${value < 0 ? '-' : ''}infinity'::DOUBLE`
}
