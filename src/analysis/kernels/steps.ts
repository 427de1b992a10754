import type { KernelSource } from '../../derived/hta/hta-events.ts'
import { STEP_KIND, STEP_PATTERN, stepNumbers } from '../../derived/step-names.ts'
import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import { operatorTimeSql } from '../../store/views/operator-time.ts'
import { DEVICE_WORK_SQL } from '../../trace/device-work.ts'
import { countOf, numberOf } from '../rows.ts'

export const STEP_KINDS = ['prefill', 'decode', 'mixed', 'empty'] as const
export type StepKind = (typeof STEP_KINDS)[number]

/** Engine steps of one kind. Times are per step; shares are of the time from its first kernel's start to its last one's end. */
export interface StepFigures {
  kind: StepKind
  steps: number
  prefill_tokens: number
  decode_tokens: number
  total_ms: number
  median_ms: number | null
  max_ms: number | null
  ms_per_token: number | null
  kernels_per_step: number | null
  /** Calls that launched them: one for all kernels of a CUDA graph's replay. */
  launches_per_step: number | null
  /** Kernels that share a launch with others: replays of a CUDA graph. */
  graph_kernels: number
  /** Kernels that begin before the call that launched them: the clocks differ, and the gaps before them may not be true. */
  before_launch: number
  busy_share: number | null
  gap_share: number | null
  /** Of the span: gaps that end with a kernel whose launch began after the kernel before it had ended. Null without launches. */
  launch_bound_share: number | null
}

/**
 * What ran in steps as common table expressions; the last is `work`: kernels, or all operators, with the end of what ran before (`before_ns`), the
 * call that launched it, and `self_ns`, which alone may be added up: operators nest. `which` bounds the steps: SQL over `step_id`.
 */
export function workSql(source: KernelSource, which = 'step_id IS NOT NULL'): string {
  const ran =
    source === 'kernels'
      ? `ran AS (SELECT slice_id, step_id, t_ns, dur_ns, dur_ns AS self_ns, name_id FROM slices WHERE ${which} AND stream IS NOT NULL
          AND category IN ${DEVICE_WORK_SQL})`
      : `${operatorTimeSql(which)}, ran AS (SELECT slice_id, step_id, t_ns, dur_ns, self_ns, name_id FROM operators)`
  return `${ran},
    called AS (SELECT l.dst_id, l.src_id AS call_id, c.t_ns AS call_ns, count(*) OVER (PARTITION BY l.src_id) AS together
      FROM links l JOIN slices c ON c.slice_id = l.src_id WHERE l.kind = 'launch'),
    work AS (
      SELECT k.*, call_id, call_ns, together, max(t_ns + dur_ns) OVER (PARTITION BY step_id ORDER BY t_ns, slice_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns
      FROM ran k LEFT JOIN called ON called.dst_id = k.slice_id
    )`
}

/** Steps and their kernels as common table expressions: `steps`, `work`, and `per_step`. */
export function stepsSql(source: KernelSource): string {
  return `WITH named AS (
      SELECT s.*, ${stepNumbers('s.name')}
      FROM named_slices s JOIN tracks t USING (track_id) WHERE t.layer = 'engine' AND regexp_matches(s.name, ${STEP_PATTERN})
    ), steps AS (SELECT *, ${STEP_KIND} AS kind FROM named),
    ${workSql(source)},
    per_step AS (
      SELECT step_id, count(*) AS kernels, max(t_ns + dur_ns) - min(t_ns) AS span_ns, sum(greatest(t_ns - before_ns, 0)) AS gap_ns,
        sum(greatest(t_ns - before_ns, 0)) FILTER (call_ns > before_ns) AS launch_gap_ns, count(call_ns) AS launched,
        count(DISTINCT call_id) AS launches, count(*) FILTER (together > 1) AS graph_kernels, count(*) FILTER (t_ns < call_ns) AS before_launch
      FROM work GROUP BY step_id
    )`
}

/** What each kind of engine step took, prefill, decode and both together kept apart. */
export async function profiledSteps(reader: RunReader, source: KernelSource): Promise<StepFigures[]> {
  const rows =
    await reader.query(`${stepsSql(source)} SELECT kind, count(*) AS steps, sum(prefill_tokens) AS prefill_tokens,
      sum(decode_tokens) AS decode_tokens, sum(dur_ns) AS total, median(dur_ns) AS median, max(dur_ns) AS most, sum(kernels) AS kernels,
      sum(span_ns) AS span, sum(gap_ns) AS gap, sum(launch_gap_ns) AS launch_gap, sum(launched) AS launched, sum(graph_kernels) AS graph_kernels,
      sum(launches) AS launches, sum(before_launch) AS before_launch
    FROM steps LEFT JOIN per_step ON per_step.step_id = steps.slice_id GROUP BY kind`)
  const byKind = new Map(rows.map((row) => [String(row.kind), row]))
  return STEP_KINDS.flatMap((kind) => {
    const row = byKind.get(kind)
    return row === undefined ? [] : [figuresOf(kind, row)]
  })
}

function figuresOf(kind: StepKind, row: SqlRow): StepFigures {
  const steps = countOf(row, 'steps')
  const tokens = countOf(row, 'prefill_tokens') + countOf(row, 'decode_tokens')
  const span = countOf(row, 'span')
  const ms = (name: string) => {
    const ns = numberOf(row, name)
    return ns === null ? null : ns / 1e6
  }
  return {
    kind,
    steps,
    prefill_tokens: countOf(row, 'prefill_tokens'),
    decode_tokens: countOf(row, 'decode_tokens'),
    total_ms: countOf(row, 'total') / 1e6,
    median_ms: ms('median'),
    max_ms: ms('most'),
    ms_per_token: tokens === 0 ? null : countOf(row, 'total') / 1e6 / tokens,
    kernels_per_step: row.kernels === null ? null : countOf(row, 'kernels') / steps,
    launches_per_step: countOf(row, 'launched') === 0 ? null : countOf(row, 'launches') / steps,
    graph_kernels: countOf(row, 'graph_kernels'),
    before_launch: countOf(row, 'before_launch'),
    busy_share: span === 0 ? null : 1 - countOf(row, 'gap') / span,
    gap_share: span === 0 ? null : countOf(row, 'gap') / span,
    launch_bound_share: span === 0 || countOf(row, 'launched') === 0 ? null : countOf(row, 'launch_gap') / span,
  }
}

/** The kernels, or operators by their own time, that took most of each kind of step, per token where there are any. */
export interface StepKernel {
  kind: StepKind
  name: string
  count: number
  total_ms: number
  us_per_token: number | null
}

export async function stepKernels(reader: RunReader, source: KernelSource, limit: number): Promise<StepKernel[]> {
  const rows =
    await reader.query(`${stepsSql(source)}, tokens AS (SELECT kind, sum(prefill_tokens + decode_tokens) AS tokens FROM steps GROUP BY kind)
    SELECT * FROM (
      SELECT s.kind, n.text AS name, count(*) AS n, sum(w.self_ns) AS total, any_value(t.tokens) AS tokens,
        row_number() OVER (PARTITION BY s.kind ORDER BY sum(w.self_ns) DESC, n.text) AS place
      FROM work w JOIN steps s ON s.slice_id = w.step_id JOIN strings n ON n.id = w.name_id
        JOIN tokens t ON t.kind = s.kind
      GROUP BY s.kind, n.text
    ) WHERE place <= ${limit} ORDER BY kind, place`)
  return rows.map((row) => ({
    kind: String(row.kind) as StepKind,
    name: String(row.name),
    count: countOf(row, 'n'),
    total_ms: countOf(row, 'total') / 1e6,
    us_per_token: countOf(row, 'tokens') === 0 ? null : countOf(row, 'total') / 1e3 / countOf(row, 'tokens'),
  }))
}
