import { LAUNCHES } from '../../../derived/hta/hta-events.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import { countOf, numberOf } from '../../rows.ts'

export interface Launches {
  rank: number
  count: number
}

export interface LaunchDelays {
  rank: number
  mean_cpu_us: number | null
  mean_gpu_us: number | null
  mean_delay_us: number | null
  median_delay_us: number | null
  /** Kernels that began before their launch had ended: HTA counts them as no delay; here they are reported as well. */
  negative: number
  /** Kernels that began before their launch began: the clocks of the host and of the GPU do not agree. */
  before_launch: number
  worst_us: number | null
}

/** Launches with what they launched; a delay is from the launch's end to the kernel's start, at least 0. */
export async function launchStatistics(
  reader: RunReader,
  events: string,
): Promise<{ launches: Launches[]; delays: LaunchDelays[] }> {
  const rows =
    await reader.query(`${events}, calls AS (SELECT DISTINCT rank, correlation FROM kept WHERE name IN ${LAUNCHES}),
    pairs AS (
      SELECT c.rank, c.te - c.ts AS cpu_us, g.te - g.ts AS gpu_us, g.ts - c.te AS delay, g.ts - c.ts AS after
      FROM kept c JOIN calls USING (rank, correlation) JOIN kept g ON g.rank = c.rank AND g.correlation = c.correlation
      WHERE c.stream IS NULL AND g.stream IS NOT NULL
    ) SELECT r.rank, count(delay) AS n, avg(cpu_us) AS cpu_us, avg(gpu_us) AS gpu_us, avg(CASE WHEN delay < 0 THEN 0 ELSE delay END) AS delay_us,
        median(CASE WHEN delay < 0 THEN 0 ELSE delay END) AS median_us, count(*) FILTER (delay < 0) AS negative, count(*) FILTER (after < 0) AS before, min(after) AS worst
      FROM (SELECT DISTINCT rank FROM kept) r LEFT JOIN pairs USING (rank) GROUP BY r.rank ORDER BY r.rank`)
  return {
    launches: rows.map((row) => ({ rank: countOf(row, 'rank'), count: countOf(row, 'n') })),
    delays: rows.map((row) => ({
      rank: countOf(row, 'rank'),
      mean_cpu_us: numberOf(row, 'cpu_us'),
      mean_gpu_us: numberOf(row, 'gpu_us'),
      mean_delay_us: numberOf(row, 'delay_us'),
      median_delay_us: numberOf(row, 'median_us'),
      negative: countOf(row, 'negative'),
      before_launch: countOf(row, 'before'),
      worst_us: countOf(row, 'before') > 0 ? numberOf(row, 'worst') : null,
    })),
  }
}
