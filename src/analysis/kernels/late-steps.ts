import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, numberOf } from '../rows.ts'

/** How a rank ends its steps beside the others that run the same. Ranks on several hosts are compared by their hosts' clocks. */
export interface LateRank {
  rank: number
  /** Steps that every rank has. */
  steps: number
  /** Of them: those that it ended last. */
  last: number
  /** How long after the first rank it ended, µs. */
  median_late_us: number | null
  max_late_us: number | null
}

/** A step that took long beside others of its kind with as many tokens, or nearly. */
export interface SlowStep {
  step_id: number
  kind: string
  tokens: number
  t_ms: number
  dur_ms: number
  /** Its duration by the median of those. */
  times_median: number
}

/** Fewer steps have no usual duration. */
const LEAST_ALIKE = 8
const SLOW_TIMES = 2

/** Engine steps are the same on all ranks, one by one; where there are none, ProfilerSteps are, by their number. Empty for one rank. */
export async function lateRanks(reader: RunReader): Promise<LateRank[]> {
  const rows = await reader.query(`WITH ranked AS (
      SELECT track_id, (attrs->>'rank')::INTEGER AS rank FROM tracks WHERE layer IN ('engine', 'kernel') AND json_valid(attrs) AND (attrs->>'rank') IS NOT NULL
    ), found AS (
      SELECT r.rank, s.name, s.t_ns, s.t_ns + s.dur_ns AS end_ns, t.name = 'engine_steps' AS engine
      FROM named_slices s JOIN tracks t USING (track_id) JOIN ranked r USING (track_id)
      WHERE t.name = 'engine_steps' OR (s.category = 'user_annotation' AND starts_with(s.name, 'ProfilerStep'))
    ), numbered AS (
      SELECT rank, name, end_ns, row_number() OVER (PARTITION BY rank ORDER BY t_ns) AS nth FROM found
      WHERE engine = (SELECT bool_or(engine) FROM found)
    ), alike AS (
      SELECT *, end_ns - min(end_ns) OVER w AS late_ns, max(end_ns) OVER w AS last_ns, count(*) OVER w AS ranks
      FROM numbered WINDOW w AS (PARTITION BY nth, name)
    ) SELECT rank, count(*) AS n, count(*) FILTER (end_ns = last_ns AND late_ns > 0) AS last, median(late_ns) AS median_late, max(late_ns) AS max_late
      FROM alike WHERE ranks > 1 AND ranks = (SELECT count(DISTINCT rank) FROM numbered) GROUP BY rank ORDER BY last DESC, rank`)
  const us = (ns: number | null) => (ns === null ? null : ns / 1e3)
  return rows.map((row) => ({
    rank: countOf(row, 'rank'),
    steps: countOf(row, 'n'),
    last: countOf(row, 'last'),
    median_late_us: us(numberOf(row, 'median_late')),
    max_late_us: us(numberOf(row, 'max_late')),
  }))
}

/** The slowest engine steps, by how much longer they took than those of their kind whose tokens are of the same power of two. */
export async function slowSteps(reader: RunReader, limit: number): Promise<SlowStep[]> {
  const rows = await reader.query(`WITH alike AS (
      SELECT *, median(dur_ns) OVER w AS usual, count(*) OVER w AS n FROM v_steps WHERE kind <> 'empty'
      WINDOW w AS (PARTITION BY source, kind, floor(log2(greatest(tokens, 1))))
    ) SELECT step_id, kind, tokens, t_ns, dur_ns, dur_ns / usual AS times FROM alike
      WHERE n >= ${LEAST_ALIKE} AND dur_ns >= ${SLOW_TIMES} * usual ORDER BY times DESC, step_id LIMIT ${limit}`)
  return rows.map((row) => ({
    step_id: countOf(row, 'step_id'),
    kind: String(row.kind),
    tokens: countOf(row, 'tokens'),
    t_ms: countOf(row, 't_ns') / 1e6,
    dur_ms: countOf(row, 'dur_ns') / 1e6,
    times_median: countOf(row, 'times'),
  }))
}
