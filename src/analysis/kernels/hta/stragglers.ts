import type { RunReader } from '../../../store/read/run-reader.ts'
import { countOf } from '../../rows.ts'

export interface Straggler {
  rank: number
  /** ProfilerSteps in which it is one of the two that began their last big communication latest. */
  times: number
  /** ProfilerSteps that were looked at. */
  steps: number
}

/** HTA's number of candidates, and the share of a step's time that a communication must last to count. */
const CANDIDATES = 2
const LEAST_SHARE = 0.01

/**
 * Ranks that keep the others waiting, by HTA's rule: a communication ends on all ranks together, so who begins it last is
 * late. Looked at is the last long one in each ProfilerStep, of the stream and kernel whose duration differs most between
 * ranks. HTA knows such kernels by `ncclKernel`; newer libraries name them `ncclDevKernel`, which count here as well.
 */
export async function stragglers(reader: RunReader, events: string): Promise<Straggler[]> {
  const rows = await reader.query(`${events}, iterations AS (
      SELECT rank, ts, te, regexp_extract(name, '# *([0-9]+)', 1)::BIGINT AS iteration FROM cpu
      WHERE category = 'user_annotation' AND regexp_matches(name, '^ProfilerStep *# *[0-9]+')
    ), hosted AS (
      SELECT c.rank, c.correlation, c.ts, c.te, i.iteration FROM cpu c JOIN iterations i ON i.rank = c.rank AND c.ts >= i.ts AND c.ts < i.te
    ), devices AS (
      SELECT g.rank, g.stream, g.name, g.ts, g.te, g.slice_id, h.iteration
      FROM gpu g JOIN (SELECT DISTINCT rank, correlation, iteration FROM hosted WHERE correlation > 0) h ON h.rank = g.rank AND h.correlation = g.correlation
      WHERE g.stream > 0
    ), whole AS (
      SELECT (max(te) - min(ts)) / count(DISTINCT iteration) AS step_us
      FROM (SELECT ts, te, iteration FROM hosted UNION ALL SELECT ts, te, iteration FROM devices)
    ), last AS (
      SELECT rank, stream, iteration, name, max(ts) AS ts, arg_max(te - ts, ts) AS us
      FROM devices, whole WHERE regexp_matches(name, '^nccl(Dev)?Kernel') AND iteration > 0 AND te - ts >= step_us * ${LEAST_SHARE} GROUP BY ALL
    ), chosen AS (
      SELECT stream, name FROM (SELECT stream, iteration, name, stddev_samp(us) AS spread FROM last GROUP BY ALL)
      GROUP BY stream, name HAVING avg(spread) IS NOT NULL ORDER BY avg(spread) DESC, stream, name LIMIT 1
    ), ranked AS (
      SELECT rank, iteration, ts, nth_value(ts, ${CANDIDATES}) OVER (
        PARTITION BY iteration ORDER BY ts DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS least
      FROM last JOIN chosen USING (stream, name)
    ) SELECT rank, count(*) FILTER (ts >= least) AS times, count(*) AS steps FROM ranked GROUP BY rank ORDER BY times DESC, rank`)
  return rows.map((row) => ({ rank: countOf(row, 'rank'), times: countOf(row, 'times'), steps: countOf(row, 'steps') }))
}
