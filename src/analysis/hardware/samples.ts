import { flowSql, type Horizon, LABELS } from './flights.ts'
import type { Sensor } from './sensors.ts'

/** A value of one moment is given this much time, so that it can be divided. */
const MOMENT_NS = 1000

/**
 * CTEs `sensor`, `gaps`, `samples`, without WITH. `samples(track_id, t_ns, value, is_repeat, seen_ns, from_ns, to_ns, chain, before_ns, holds_ns, same_ns)`:
 *
 * - `is_repeat`: the sensor has not looked again since the sample before: the value is the same, and less than an update period (half
 *   a sample's time aside, for jitter) has passed since it was first seen. `seen_ns` is when it was first seen.
 * - `from_ns`, `to_ns`: the sensor's window; a repeat's is that of the sample it repeats.
 * - `chain`: numbers stretches without a hole: a pause longer than `hole_ns`, or a `gap` slice, ends one.
 * - `before_ns`: the sample before, of whatever chain; `holds_ns`: the last sample of the chain; `same_ns`: since when the value is what it is.
 */
export function samplesSql(sensors: readonly Sensor[]): string {
  const rows = sensors.map(
    (s) =>
      `(${s.track_id}, ${sqlNumber(s.window_ns === null ? null : Math.max(MOMENT_NS, s.window_ns))}, ${sqlNumber(Math.max(1, s.update_ns))}, ${sqlNumber(s.period_ns)}, ${sqlNumber(s.hole_ns)})`,
  )
  return `sensor(track_id, window_ns, update_ns, period_ns, hole_ns) AS (VALUES ${rows.join(', ')}),
  gaps AS (SELECT t.track_id, g.t_ns AS g0, g.t_ns + g.dur_ns AS g1 FROM slices g JOIN tracks gt ON gt.track_id = g.track_id
    JOIN tracks t ON t.layer = gt.layer AND coalesce(t.host, '') = coalesce(gt.host, '') AND (gt.device IS NULL OR gt.device = t.device)
    SEMI JOIN sensor s ON s.track_id = t.track_id WHERE g.category = 'gap'),
  polls AS (SELECT c.track_id, c.t_ns, c.value, s.window_ns, s.update_ns, s.period_ns, s.hole_ns, lag(c.value) OVER w AS was, lag(c.t_ns) OVER w AS before_ns
    FROM counters c JOIN sensor s ON s.track_id = c.track_id WHERE c.value IS NOT NULL WINDOW w AS (PARTITION BY c.track_id ORDER BY c.t_ns)),
  broken AS (SELECT p.*, coalesce(p.t_ns - p.before_ns > p.hole_ns OR g.g1 > p.before_ns, false) AS breaks
    FROM polls p ASOF LEFT JOIN gaps g ON g.track_id = p.track_id AND p.t_ns > g.g0),
  stretches AS (SELECT *, sum(CASE WHEN breaks THEN 1 ELSE 0 END) OVER w AS chain,
      sum(CASE WHEN breaks OR was IS NULL OR value <> was OR window_ns IS NULL THEN 1 ELSE 0 END) OVER w AS same
    FROM broken WINDOW w AS (PARTITION BY track_id ORDER BY t_ns ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)),
  looks AS (SELECT *, floor((t_ns - same_ns + period_ns / 2) / update_ns) AS look
    FROM (SELECT *, min(t_ns) OVER (PARTITION BY track_id, same) AS same_ns FROM stretches)),
  seen AS (SELECT *, min(t_ns) OVER (PARTITION BY track_id, same, look) AS seen_ns, max(t_ns) OVER (PARTITION BY track_id, chain) AS holds_ns FROM looks),
  samples AS MATERIALIZED (SELECT track_id, t_ns, value, seen_ns < t_ns AS is_repeat, seen_ns,
      CASE WHEN window_ns IS NOT NULL THEN seen_ns - window_ns WHEN breaks OR before_ns IS NULL THEN t_ns - greatest(period_ns, 1) ELSE before_ns END AS from_ns,
      seen_ns AS to_ns, chain::DOUBLE AS chain, before_ns, holds_ns, same_ns FROM seen)`
}

/**
 * CTEs after those of `samplesSql` and `flowSql`: `labelled`, the rows of `samples` with the weights `prefill`,
 * `decode`, `other` and `idle`: the shares of the sample's window spent on each, each moment split evenly among the
 * requests in flight. Their sum is 1.
 */
export function labelledSql(): string {
  const weight = (label: string) =>
    `greatest(0, (q.a_${label} + q.${label} * (s.to_ns - q.t)) - (p.a_${label} + p.${label} * (s.from_ns - p.t))) / (s.to_ns - s.from_ns) AS ${label}`
  return `labelled AS (SELECT s.*, ${LABELS.map(weight).join(', ')},
      (q.a_each + q.each * (s.to_ns - q.t)) AS each_to, (p.a_each + p.each * (s.from_ns - p.t)) AS each_from
    FROM samples s ASOF JOIN flow p ON s.from_ns >= p.t ASOF JOIN flow q ON s.to_ns >= q.t)`
}

/**
 * One SELECT: one row per sample of these sensors, in order of time: `track_id, t_ns, value, is_repeat, from_ns, to_ns,
 * prefill, decode, other, idle` and its heaviest request: `request_id` (NULL where none was in flight during the
 * window), `request_weight` (its share of the window; the weights of all requests and `idle` sum to 1), `request_stage`
 * (prefill, decode or other, where it spent most of it). For exports that give a sample one label.
 */
export function labelledSamplesQuery(sensors: readonly Sensor[], horizon: Horizon): string {
  return `WITH ${flowSql(horizon)}, ${samplesSql(sensors)}, ${labelledSql()},
  ends AS (SELECT r.request_id, r.b, r.f, r.e, fb.a_each AS each_b, fe.a_each AS each_e, ff.a_each AS each_f FROM flights r JOIN flow fb ON fb.t = r.b
    JOIN flow fe ON fe.t = r.e LEFT JOIN flow ff ON ff.t = r.f WHERE r.e > r.b),
  pairs AS (SELECT s.track_id, s.t_ns, r.request_id,
      (CASE WHEN r.e <= s.to_ns THEN r.each_e ELSE s.each_to END - CASE WHEN r.b >= s.from_ns THEN r.each_b ELSE s.each_from END) / (s.to_ns - s.from_ns) AS weight,
      CASE WHEN r.f IS NULL THEN 'other' WHEN r.f <= s.from_ns THEN 'decode' WHEN r.f >= s.to_ns THEN 'prefill'
        WHEN 2 * r.each_f > CASE WHEN r.e <= s.to_ns THEN r.each_e ELSE s.each_to END + CASE WHEN r.b >= s.from_ns THEN r.each_b ELSE s.each_from END
        THEN 'prefill' ELSE 'decode' END AS stage
    FROM labelled s JOIN ends r ON r.b < s.to_ns AND r.e > s.from_ns),
  heaviest AS (SELECT track_id, t_ns, request_id, weight, stage FROM pairs
    QUALIFY row_number() OVER (PARTITION BY track_id, t_ns ORDER BY weight DESC, request_id) = 1)
  SELECT s.track_id, s.t_ns, s.value, s.is_repeat, s.from_ns, s.to_ns, ${LABELS.map((label) => `s.${label}`).join(', ')},
    h.request_id, h.weight AS request_weight, h.stage AS request_stage
  FROM labelled s LEFT JOIN heaviest h ON h.track_id = s.track_id AND h.t_ns = s.t_ns ORDER BY s.t_ns, s.track_id`
}

export function sqlNumber(value: number | null): string {
  return value === null ? 'NULL::DOUBLE' : `${value}::DOUBLE`
}
