import { type KernelSource, mergedIntervals } from '../../../derived/hta/hta-events.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import { operatorTimeSql } from '../../../store/views/operator-time.ts'
import { countOf } from '../../rows.ts'
import { numpyRound } from './numpy-round.ts'

export interface KernelBreakdown {
  /** One class, or several that ran at the same time: `COMPUTATION overlapping COMMUNICATION`. */
  kernel_type: string
  sum_us: number
  percentage: number
}

export interface KernelTime {
  rank: number
  kernel_type: string
  name: string
  count: number
  sum_us: number
  mean_us: number
  min_us: number
  max_us: number
  /** Of the sample; 0 for one kernel. */
  stddev_us: number
}

export interface Overlap {
  rank: number
  /** Null where nothing communicated. */
  overlap_pct: number | null
}

const TYPES = ['COMPUTATION', 'COMMUNICATION', 'MEMORY']

/** A sweep over each rank's merged intervals of each class: `(rank, running, us)`, `running` a bit a class. */
function sweep(events: string): string {
  const merged = TYPES.map(
    (type, i) => `type${i} AS (${mergedIntervals(`(SELECT * FROM gpu WHERE kernel_type = '${type}')`)})`,
  )
  const edges = TYPES.flatMap((_, i) => [
    `SELECT rank, ts AS moment, ${1 << i} AS change FROM type${i}`,
    `SELECT rank, te AS moment, -${1 << i} AS change FROM type${i}`,
  ])
  return `${events}, ${merged.join(', ')}, edges AS (${edges.join(' UNION ALL ')}),
    spans AS (SELECT rank, sum(change) OVER w AS running, lead(moment) OVER w - moment AS us FROM edges
      WINDOW w AS (PARTITION BY rank ORDER BY moment, change DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))`
}

/** The time of each class, and of each set of classes that ran together, over all ranks. */
export async function kernelBreakdown(reader: RunReader, events: string): Promise<KernelBreakdown[]> {
  const rows = await reader.query(
    `${sweep(events)} SELECT running, sum(us) AS us FROM spans WHERE running > 0 GROUP BY running HAVING sum(us) > 0 ORDER BY us DESC, running`,
  )
  const total = rows.reduce((sum, row) => sum + countOf(row, 'us'), 0)
  return rows.map((row) => ({
    kernel_type: TYPES.filter((_, i) => countOf(row, 'running') & (1 << i)).join(' overlapping '),
    sum_us: countOf(row, 'us'),
    percentage: numpyRound((countOf(row, 'us') / total) * 100, 1),
  }))
}

/** The share of the communication's time during which computation ran as well, percent. */
export async function communicationOverlap(reader: RunReader, events: string): Promise<Overlap[]> {
  const rows = await reader.query(
    `${sweep(events)} SELECT rank, sum(us) FILTER (running & 3 = 3) AS both, sum(us) FILTER (running & 2 > 0) AS communication
     FROM spans WHERE running > 0 GROUP BY rank ORDER BY rank`,
  )
  return rows.map((row) => {
    const communication = countOf(row, 'communication')
    return {
      rank: countOf(row, 'rank'),
      overlap_pct: communication === 0 ? null : numpyRound((100 * countOf(row, 'both')) / communication, 2),
    }
  })
}

/** The kernels, or operators by their own time, that took most of each rank's time, `limit` of each class. */
export async function kernelTimes(
  reader: RunReader,
  events: string,
  source: KernelSource,
  limit: number,
): Promise<KernelTime[]> {
  const each =
    source === 'kernels'
      ? 'each AS (SELECT rank, kernel_type, name, te - ts AS us FROM gpu)'
      : `${operatorTimeSql()}, each AS (SELECT rank, 'COMPUTATION' AS kernel_type, name, self_ns / 1000 AS us FROM kept JOIN operators USING (slice_id))`
  const rows = await reader.query(`${events}, ${each} SELECT * FROM (
      SELECT rank, kernel_type, name, count(*) AS n, sum(us) AS sum_us, avg(us) AS mean_us, min(us) AS min_us,
        max(us) AS max_us, coalesce(stddev_samp(us), 0) AS stddev_us,
        row_number() OVER (PARTITION BY rank, kernel_type ORDER BY sum(us) DESC, name) AS place
      FROM each GROUP BY rank, kernel_type, name
    ) WHERE place <= ${limit} ORDER BY rank, kernel_type, place`)
  return rows.map((row) => ({
    rank: countOf(row, 'rank'),
    kernel_type: String(row.kernel_type),
    name: String(row.name),
    count: countOf(row, 'n'),
    sum_us: countOf(row, 'sum_us'),
    mean_us: countOf(row, 'mean_us'),
    min_us: countOf(row, 'min_us'),
    max_us: countOf(row, 'max_us'),
    stddev_us: countOf(row, 'stddev_us'),
  }))
}
