/** Whether the run has kernels, or operators must replace them because nothing ran on a GPU. */
export type KernelSource = 'kernels' | 'cpu_op'

/** Launches that HTA counts by name. */
export const LAUNCHES =
  "('cudaLaunchKernel', 'cudaLaunchKernelExC', 'cudaMemcpyAsync', 'cudaMemsetAsync', 'runFunction - job_prep_and_submit_for_execution')"
export const QUEUEING =
  "('cudaMemsetAsync', 'cudaMemcpyAsync', 'cudaLaunchKernel', 'cudaLaunchKernelExC', 'cuLaunchKernel', 'hipLaunchKernel', 'hipExtModuleLaunchKernel', 'hipMemsetAsync', 'hipMemcpyAsync', 'hipMemcpyWithStream', 'runFunction - job_prep_and_submit_for_execution')"

const KERNEL_TYPE = `CASE WHEN regexp_matches(name, '^nccl.*Kernel') THEN 'COMMUNICATION'
  WHEN regexp_matches(name, '^(Memcpy|Memset|dma)') THEN 'MEMORY'
  WHEN regexp_matches(name, '^nccl.*Kernel|^.*Memcpy|^Memset|^.*Sync') THEN 'OTHER' ELSE 'COMPUTATION' END`

/**
 * HTA 0.5.0's view of a run, of the tracks of a relation `(track_id, rank, zero_us)`, as common table expressions:
 * `events` (each event that has a duration, `ts` rounded up and `te` rounded down to whole µs of the file's own clock,
 * as doubles, as HTA does), `cpu`, `gpu` (events of a stream, or outermost operators where there are none, with their
 * kernel type). Where there are two or more ProfilerSteps, events that start with the last or later are skipped, with
 * all that they launched.
 */
export function htaEvents(tracks: string, source: KernelSource, filtered = true): string {
  const onGpu = `(stream IS NOT NULL AND correlation >= 0) OR name IN ('Event Sync', 'Context Sync')`
  // Operators are mostly shorter than the µs to which HTA rounds: the operators that replace kernels keep their exact
  // time.
  const rounded =
    source === 'kernels'
      ? 'ceil(zero_us + t_ns / 1000) AS ts, floor((zero_us + t_ns / 1000) + dur_ns / 1000) AS te'
      : 't_ns / 1000 AS ts, (t_ns + dur_ns) / 1000 AS te'
  const steps = "category = 'user_annotation' AND contains(name, 'ProfilerStep')"
  const cut = filtered ? 'cut IS NULL OR' : 'true OR'
  const standIns = `SELECT * EXCLUDE (stream, upto_ns), track_id AS stream FROM (
      SELECT *, max(t_ns + dur_ns) OVER (PARTITION BY track_id ORDER BY t_ns, dur_ns DESC, slice_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS upto_ns
      FROM kept WHERE category = 'cpu_op'
    ) WHERE upto_ns IS NULL OR t_ns >= upto_ns`
  return `WITH events AS (
    SELECT s.slice_id, s.track_id, rank, category, name, stream, correlation, t_ns, dur_ns, bytes, bandwidth_gbps,
      ${rounded}
    FROM named_slices s JOIN ${tracks} USING (track_id)
    WHERE category NOT IN ('instant', 'cpu_instant_event', 'Trace', 'gap')
  ), steps_of AS (SELECT rank, max(ts) AS last_ts, (SELECT count(DISTINCT name) FROM events WHERE ${steps}) AS names FROM events WHERE ${steps} GROUP BY rank
  ), marked AS (SELECT e.*, ${onGpu} AS on_gpu, CASE WHEN names > 1 THEN last_ts END AS cut FROM events e LEFT JOIN steps_of USING (rank)
  ), cpu AS (SELECT * FROM marked WHERE NOT on_gpu AND (${cut} ts < cut)
  ), kept AS (
    SELECT * FROM cpu UNION ALL
    SELECT * FROM marked m WHERE on_gpu AND (${cut} EXISTS (FROM cpu c WHERE c.rank = m.rank AND c.correlation = m.correlation))
  ), gpu AS (SELECT *, ${KERNEL_TYPE} AS kernel_type FROM (${source === 'kernels' ? 'SELECT * FROM kept WHERE stream IS NOT NULL' : standIns}))`
}

/** Merges overlapping and touching intervals of a relation `(rank, ts, te)`, by rank: `(rank, ts, te)`. */
export function mergedIntervals(source: string): string {
  return `SELECT rank, min(ts) AS ts, max(te) AS te FROM (
    SELECT rank, ts, te, sum(fresh) OVER (PARTITION BY rank ORDER BY ts, te ROWS UNBOUNDED PRECEDING) AS part FROM (
      SELECT rank, ts, te, CASE WHEN ts > max(te) OVER (PARTITION BY rank ORDER BY ts, te ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 1 ELSE 0 END AS fresh
      FROM ${source}
    )
  ) GROUP BY rank, part`
}

/**
 * From the start of each rank's first kernel to the end of its last, µs: time in which anything ran, and in which
 * computation ran; over `htaEvents`.
 */
export function temporalBreakdownSql(events: string): string {
  return `${events}, busy AS (${mergedIntervals('gpu')}),
    computing AS (${mergedIntervals("(SELECT * FROM gpu WHERE kernel_type = 'COMPUTATION')")})
    SELECT rank, max(te) - min(ts) AS total_us, sum(te - ts) AS busy_us,
      coalesce((SELECT sum(te - ts) FROM computing c WHERE c.rank = busy.rank), 0) AS compute_us
    FROM busy GROUP BY rank ORDER BY rank`
}
