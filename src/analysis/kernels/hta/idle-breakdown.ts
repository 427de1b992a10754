import type { RunReader } from '../../../store/read/run-reader.ts'
import { countOf } from '../../rows.ts'
import { numpyRound } from './numpy-round.ts'

export interface IdleBreakdown {
  rank: number
  stream: number
  idle_category: 'host_wait' | 'kernel_wait' | 'other'
  idle_us: number
  /** Of the stream's idle time; null where it was never idle. */
  idle_ratio: number | null
}

/** A gap below this is the delay between two kernels one behind the other. */
const KERNEL_DELAY_US = 30

/** Gaps before each kernel of a stream, µs: `gaps (rank, stream, gap, host_wait)`, over `htaEvents`. */
export const GAPS = `gaps AS (
      SELECT k.rank, k.stream, k.ts - lag(k.te) OVER w AS gap, l.ts > lag(k.te) OVER w AS host_wait
      FROM gpu k LEFT JOIN (SELECT rank, correlation, max(ts) AS ts FROM cpu WHERE correlation > 0 GROUP BY ALL) l
        ON l.rank = k.rank AND l.correlation = k.correlation
      WHERE category IN ('kernel', 'Kernel', 'gpu_memset', 'Memset', 'gpu_memcpy', 'Memcpy', 'mtia_ccp_events', 'cpu_op')
      WINDOW w AS (PARTITION BY k.rank, k.stream ORDER BY k.ts, k.te, k.slice_id)
    )`

/**
 * Gaps between a stream's kernels: the host had not launched the next when the one before ended (`host_wait`), or it
 * had and the gap is short (`kernel_wait`), or neither.
 */
export async function idleBreakdown(reader: RunReader, events: string): Promise<IdleBreakdown[]> {
  const rows = await reader.query(`${events}, ${GAPS}, kinds AS (
      SELECT rank, stream, coalesce(gap, 0) AS gap,
        CASE WHEN host_wait THEN 0 WHEN gap < ${KERNEL_DELAY_US} THEN 1 ELSE 2 END AS kind FROM gaps
    ) SELECT rank, stream, kind, sum(gap) AS idle, sum(sum(gap)) OVER (PARTITION BY rank, stream) AS total
      FROM kinds GROUP BY rank, stream, kind ORDER BY rank, stream, kind`)
  return rows.map((row) => {
    const [idle, total] = [countOf(row, 'idle'), countOf(row, 'total')]
    return {
      rank: countOf(row, 'rank'),
      stream: countOf(row, 'stream'),
      idle_category: (['host_wait', 'kernel_wait', 'other'] as const)[countOf(row, 'kind')] ?? 'other',
      idle_us: idle,
      idle_ratio: total === 0 ? null : numpyRound(idle / total, 2),
    }
  })
}
