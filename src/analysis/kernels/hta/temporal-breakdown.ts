import { temporalBreakdownSql } from '../../../derived/hta/hta-events.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import { countOf } from '../../rows.ts'

export interface TemporalBreakdown {
  rank: number
  idle_us: number
  compute_us: number
  non_compute_us: number
  total_us: number
}

/** From the first kernel's start to the last one's end: nothing ran; computation ran; only something else did. */
export async function temporalBreakdown(reader: RunReader, events: string): Promise<TemporalBreakdown[]> {
  const rows = await reader.query(temporalBreakdownSql(events))
  return rows.map((row) => {
    const [total, busy, compute] = ['total_us', 'busy_us', 'compute_us'].map((name) => countOf(row, name)) as [
      number,
      number,
      number,
    ]
    return {
      rank: countOf(row, 'rank'),
      idle_us: toNs(total - busy),
      compute_us: compute,
      non_compute_us: toNs(busy - compute),
      total_us: total,
    }
  })
}

/** Differences of sums: what is left of less than a ns is of the doubles, not of the trace. */
function toNs(us: number): number {
  return Math.round(us * 1000) / 1000 + 0
}
