import type { RunReader } from '../../../store/read/run-reader.ts'
import { countOf } from '../../rows.ts'

export interface KernelSequence {
  rank: number
  /** An outermost operator and the kernels that it launched, in the order of their starts, separated by `|`. */
  pattern: string
  count: number
  gpu_us: number
  /** Of the operators. */
  cpu_us: number
}

/** Shorter ones are no sequences, by HTA's default. */
const LEAST_KERNELS = 3
/** Longer ones are whole steps. */
const MOST_KERNELS = 1000

/** Kernel sequences that operators launch again and again: the most frequent of each rank. */
export async function kernelSequences(reader: RunReader, events: string, limit: number): Promise<KernelSequence[]> {
  const rows = await reader.query(`${events}, operators AS (
      SELECT * FROM (
        SELECT *, max(t_ns + dur_ns) OVER (PARTITION BY track_id ORDER BY t_ns, dur_ns DESC, slice_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS upto_ns
        FROM kept WHERE category = 'cpu_op'
      ) WHERE upto_ns IS NULL OR t_ns >= upto_ns
    ), calls AS (SELECT track_id, t_ns, rank, correlation FROM kept WHERE category IN ('cuda_runtime', 'cuda_driver') AND correlation > 0
    ), launched AS (
      SELECT o.slice_id AS operator, g.name, g.ts, g.te - g.ts AS us, g.slice_id
      FROM calls c ASOF JOIN operators o ON o.track_id = c.track_id AND c.t_ns >= o.t_ns
        JOIN gpu g ON g.rank = c.rank AND g.correlation = c.correlation
      WHERE c.t_ns < o.t_ns + o.dur_ns
    ), sequences AS (
      SELECT operator, string_agg(name, '|' ORDER BY ts, slice_id) AS kernels, sum(us) AS gpu_us
      FROM launched GROUP BY operator HAVING count(*) BETWEEN ${LEAST_KERNELS} AND ${MOST_KERNELS}
    ) SELECT * FROM (
      SELECT o.rank, o.name || '|' || s.kernels AS pattern, count(*) AS n, sum(s.gpu_us) AS gpu_us, sum(o.te - o.ts) AS cpu_us,
        row_number() OVER (PARTITION BY o.rank ORDER BY count(*) DESC, pattern) AS place
      FROM sequences s JOIN operators o ON o.slice_id = s.operator GROUP BY o.rank, pattern
    ) WHERE place <= ${limit} ORDER BY rank, place`)
  return rows.map((row) => ({
    rank: countOf(row, 'rank'),
    pattern: String(row.pattern),
    count: countOf(row, 'n'),
    gpu_us: countOf(row, 'gpu_us'),
    cpu_us: countOf(row, 'cpu_us'),
  }))
}
