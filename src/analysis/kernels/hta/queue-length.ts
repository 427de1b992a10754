import { QUEUEING } from '../../../derived/hta/hta-events.ts'
import type { RunReader, SqlRow } from '../../../store/read/run-reader.ts'
import { countOf, numberOf } from '../../rows.ts'

/** What pandas' `describe` tells of a series. */
export interface Described {
  count: number
  mean: number | null
  std: number | null
  min: number | null
  p25: number | null
  p50: number | null
  p75: number | null
  max: number | null
}

export interface QueueLength extends Described {
  rank: number
  stream: number
}

export interface MemoryBandwidth extends Described {
  rank: number
  /** `Memcpy HtoD` and the like; its figures are GB/s. */
  name: string
}

const DESCRIBED = (value: string) =>
  `count(${value}) AS n, avg(${value}) AS mean, stddev_samp(${value}) AS std, min(${value}) AS least, quantile_cont(${value}, 0.25) AS p25,
    quantile_cont(${value}, 0.5) AS p50, quantile_cont(${value}, 0.75) AS p75, max(${value}) AS most`

function described(row: SqlRow): Described {
  return {
    count: countOf(row, 'n'),
    mean: numberOf(row, 'mean'),
    std: numberOf(row, 'std'),
    min: numberOf(row, 'least'),
    p25: numberOf(row, 'p25'),
    p50: numberOf(row, 'p50'),
    p75: numberOf(row, 'p75'),
    max: numberOf(row, 'most'),
  }
}

/** Operations launched on a stream that have not begun: +1 at each launch, -1 at each start, a sample at every change. */
export async function queueLength(reader: RunReader, events: string): Promise<QueueLength[]> {
  const rows = await reader.query(`${events}, pairs AS (
      SELECT g.rank, g.stream, c.ts AS launched, g.ts AS begun
      FROM kept c JOIN kept g ON g.rank = c.rank AND g.correlation = c.correlation
      WHERE c.name IN ${QUEUEING} AND c.stream IS NULL AND g.stream IS NOT NULL
    ), changes AS (
      SELECT rank, stream, launched AS moment, 1 AS change FROM pairs UNION ALL SELECT rank, stream, begun, -1 FROM pairs
    ), series AS (
      SELECT rank, stream, sum(change) OVER (PARTITION BY rank, stream ORDER BY moment, change DESC ROWS UNBOUNDED PRECEDING) AS length FROM changes
    ) SELECT rank, stream, ${DESCRIBED('length')} FROM series GROUP BY rank, stream ORDER BY rank, stream`)
  return rows.map((row) => ({ rank: countOf(row, 'rank'), stream: countOf(row, 'stream'), ...described(row) }))
}

/**
 * Copies and fills at work: the sum of their GB/s, by kind, one sample per change; times without any are skipped. GB/s
 * is the profiler's own figure where the profile has one, else bytes by the duration.
 */
export async function memoryBandwidth(reader: RunReader, events: string): Promise<MemoryBandwidth[]> {
  const rows = await reader.query(`${events}, moves AS (
      SELECT rank, CASE WHEN starts_with(name, 'Memset') THEN 'Memset' WHEN starts_with(name, 'Memcpy') THEN name[:11] ELSE 'Memcpy Unknown' END AS name,
        ts, ts + CASE WHEN te = ts THEN 1 ELSE te - ts END AS te,
        coalesce(bandwidth_gbps, CASE WHEN dur_ns > 0 THEN bytes / dur_ns END) AS gbps
      FROM gpu WHERE kernel_type = 'MEMORY' AND gbps IS NOT NULL
    ), changes AS (SELECT rank, name, ts AS moment, gbps FROM moves UNION ALL SELECT rank, name, te, -gbps FROM moves),
    series AS (SELECT rank, name, sum(gbps) OVER (PARTITION BY rank, name ORDER BY moment, gbps ROWS UNBOUNDED PRECEDING) AS gbps FROM changes)
    SELECT rank, name, ${DESCRIBED('gbps')} FROM series WHERE gbps > 1e-9 GROUP BY rank, name ORDER BY rank, name`)
  return rows.map((row) => ({ rank: countOf(row, 'rank'), name: String(row.name), ...described(row) }))
}
