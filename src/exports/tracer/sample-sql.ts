import { literal } from '../../store/live-schema.ts'
import type { RunJson } from '../../trace/run-json.ts'
import { type ExportOptions, overlaps, sqlNumber } from '../export-options.ts'
import { QUANTITIES, type SampledGpu } from './gpus.ts'

/** Requests that were in flight: sent to last token, else end, as in `report`. One without an end lasts on. */
export const IN_FLIGHT = `SELECT *, sent_ns AS from_ns, greatest(sent_ns, coalesce(last_token_ns, end_ns, 'infinity'::DOUBLE)) AS to_ns
  FROM requests WHERE sent_ns IS NOT NULL`

/** The stretch of samples that an imported file labelled with a request whose own times it does not have. */
export const LABELLED_STRETCHES = `SELECT request_id, (said->>'$.labelled_from_ns')::DOUBLE - 1 AS from_ns, (said->>'$.labelled_to_ns')::DOUBLE AS to_ns
  FROM (SELECT request_id, CASE WHEN json_valid(attrs) THEN attrs::JSON END AS said FROM requests WHERE sent_ns IS NULL)
  WHERE said->>'$.labelled_from_ns' IS NOT NULL`

/** One row per sample of a GPU: `t_ns`, the window's start, one column per quantity. */
export function samplesSql(gpu: SampledGpu, options: ExportOptions): string {
  const columns = QUANTITIES.map((name) => {
    const track = gpu.tracks.get(name)
    return `${track === undefined ? 'NULL::DOUBLE' : `max(value) FILTER (track_id = ${track})`} AS ${name}`
  })
  // A counter at the window's very end belongs to the next one.
  const window = overlaps(options, 't_ns', 't_ns')
  return `SELECT t_ns, t_ns - ${sqlNumber(gpu.windowNs)} AS window_from_ns, ${columns.join(', ')} FROM counters
    WHERE track_id IN (${[...gpu.tracks.values()].join(', ')}) AND ${window} GROUP BY t_ns
    HAVING bool_or(track_id = ${gpu.tracks.get('gpu_utilization_ratio')})`
}

/** Stretches are compared with samples of the same two seconds only: a join on times alone looks at every pair. */
const BIN_NS = 2e9

/**
 * Which stretches of `spans` (`request_id, from_ns, to_ns`) have time in common with the window of which samples: `t_ns,
 * request_id, from_ns, overlap_ns`. A window without length counts as one ns.
 */
export function pairsSql(samples: string, spans: string): string {
  const bins = (from: string, to: string) =>
    `unnest(generate_series(floor(${from} / ${BIN_NS})::BIGINT, floor(${to} / ${BIN_NS})::BIGINT)) AS bin`
  return `WITH windows AS MATERIALIZED (SELECT t_ns, least(window_from_ns, t_ns - 1) AS w_ns FROM (${samples})),
    horizon AS (SELECT min(w_ns) AS lo, max(t_ns) AS hi FROM windows),
    a AS (SELECT *, ${bins('w_ns', 't_ns')} FROM windows),
    b AS (SELECT request_id, from_ns, to_ns, ${bins('greatest(from_ns, lo)', 'least(to_ns, hi)')}
      FROM (${spans}), horizon WHERE from_ns < hi AND to_ns > lo)
    SELECT t_ns, request_id, from_ns, least(t_ns, to_ns) - greatest(w_ns, from_ns) AS overlap_ns FROM a JOIN b USING (bin)
    WHERE from_ns < t_ns AND to_ns > w_ns AND bin = floor(greatest(w_ns, from_ns) / ${BIN_NS})::BIGINT`
}

/** Unix µs of a run time. */
export function unixUs(run: RunJson): string {
  return `((${run.epoch_ns}::BIGINT + round(t_ns + coalesce((SELECT offset_ns FROM clocks WHERE clock = 'unix' ORDER BY abs(t_ns) LIMIT 1), 0))::BIGINT) // 1000)`
}

/**
 * The samples of `sql` with `gpu_ms`: what the GPU's own clock showed, ms, as the run's `clocks` has it; Unix time where
 * the run does not know that clock.
 */
export function withGpuClock(sql: string, gpu: SampledGpu, run: RunJson): string {
  const base = run.clock_bases[gpu.clock] ?? run.epoch_ns
  const name = literal(gpu.clock === 'run' ? 'unix' : gpu.clock)
  return `SELECT s.*, ((${base}::BIGINT + round(s.t_ns + coalesce(k.offset_ns, 0))::BIGINT + 500000) // 1000000) AS gpu_ms
    FROM (${sql}) s ASOF LEFT JOIN (
      SELECT offset_ns, CASE WHEN row_number() OVER (ORDER BY t_ns) = 1 THEN '-infinity'::DOUBLE ELSE t_ns END AS t_ns
      FROM clocks WHERE clock = ${name}
    ) k ON s.t_ns >= k.t_ns`
}

/** A number without needless digits: whole ones as such. */
export function plainNumber(sql: string, decimals = 3): string {
  return `(CASE WHEN ${sql} = round(${sql}) THEN (${sql})::BIGINT::VARCHAR ELSE round(${sql}, ${decimals})::VARCHAR END)`
}

/** The model of lines and requests that name none: the engine's, else the one that all requests name. */
export function onlyModel(run: RunJson): string {
  const model = run.engine?.model ?? null
  if (model !== null) return literal(model)
  return '(SELECT CASE WHEN count(DISTINCT model) = 1 THEN any_value(model) END FROM requests)'
}
