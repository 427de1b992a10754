import type { RunReader } from '../../../store/read/run-reader.ts'
import { countOf } from '../../rows.ts'
import type { CriticalPath } from './critical-path.ts'
import { GAPS } from './idle-breakdown.ts'
import type { TemporalBreakdown } from './temporal-breakdown.ts'

/** What makes a figure by HTA's rules mean less than its name says. */
export interface HtaWarning {
  code: 'idle/negative' | 'temporal/negative' | 'annotation/none' | 'path/cycle'
  rank: number | null
  stream: number | null
  /** Gaps, breakdowns or paths that it is about. */
  count: number
  /** Time that HTA's figure counts wrongly; null where it is not about time. */
  us: number | null
}

export async function htaWarnings(
  reader: RunReader,
  events: string,
  annotation: string | undefined,
  { temporal, paths }: { temporal: readonly TemporalBreakdown[]; paths: readonly CriticalPath[] },
): Promise<HtaWarning[]> {
  const cycles = new Map<number, number>()
  for (const { rank, duration_us } of paths) if (duration_us === null) cycles.set(rank, (cycles.get(rank) ?? 0) + 1)
  return [
    ...(await negativeGaps(reader, events)),
    ...temporal.flatMap(({ rank, idle_us, compute_us, non_compute_us }) => {
      const below = [idle_us, compute_us, non_compute_us].filter((us) => us < 0)
      if (below.length === 0) return []
      const us = -below.reduce((sum, each) => sum + each, 0)
      return [{ code: 'temporal/negative' as const, rank, stream: null, count: below.length, us }]
    }),
    ...(annotation !== undefined && paths.length === 0
      ? [{ code: 'annotation/none' as const, rank: null, stream: null, count: 0, us: null }]
      : []),
    ...[...cycles].map(([rank, count]) => ({ code: 'path/cycle' as const, rank, stream: null, count, us: null })),
  ]
}

/** Kernels that begin before the one before them on their stream has ended: the gap between them is less than nothing. */
async function negativeGaps(reader: RunReader, events: string): Promise<HtaWarning[]> {
  const rows = await reader.query(`${events}, ${GAPS} SELECT rank, stream, count(*) AS n, -sum(gap) AS us
    FROM gaps WHERE gap < 0 GROUP BY rank, stream ORDER BY rank, stream`)
  return rows.map((row) => ({
    code: 'idle/negative',
    rank: countOf(row, 'rank'),
    stream: countOf(row, 'stream'),
    count: countOf(row, 'n'),
    us: countOf(row, 'us'),
  }))
}
