import type { Span } from '../requests/offered.ts'
import type { EnergySource } from './energy-sources.ts'
import { flowSql, type Horizon, LABELS } from './flights.ts'
import { samplesSql, sqlNumber } from './samples.ts'

/**
 * CTEs, with WITH, that turn the sources into energy:
 *
 * - `pieces(dev, t0, t1, p0, p1)`: power, linear in time, per device; no rows where nothing was sampled. A gauge's
 * value is placed at the middle of its
 *   sensor's window and is joined to the next by a line; a count's growth is spread evenly over the time in which it
 *   grew.
 * - `segments(dev, t, dt, e, on, inside, quiet, n, prefill, decode, other, idle, each)`: `pieces` cut wherever the flow
 * changes: energy `e` J,
 *   `on` s of them with known power; `inside` the measured span; `quiet` so far from any request that no sensor's
 *   window reaches one.
 * - `owed`: energy and time of each answered request; each moment's energy is split evenly among the requests in
 * flight.
 */
export function energySql(sources: readonly EnergySource[], horizon: Horizon, span: Span, reachNs: number): string {
  const { startNs, endNs } = span
  const until = (what: string) =>
    `coalesce(sum(${what}) OVER (PARTITION BY dev ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)`
  return `WITH ${flowSql(horizon)}, ${piecesSql(sources)},
  rests AS (SELECT t + ${reachNs} AS q0, next - ${reachNs} AS q1 FROM (SELECT t, n, lead(t) OVER (ORDER BY t) AS next FROM flow) WHERE n = 0 AND next - t > ${2 * reachNs}),
  times AS (SELECT dev, t0 AS t FROM pieces UNION SELECT dev, t1 FROM pieces UNION
    SELECT s.dev, x.t FROM source s, (SELECT t FROM flow UNION ALL SELECT q0 FROM rests UNION ALL SELECT q1 FROM rests
      UNION ALL VALUES (${startNs}::DOUBLE), (${endNs}::DOUBLE)) x),
  cuts AS (SELECT dev, t, lead(t) OVER (PARTITION BY dev ORDER BY t) - t AS dt FROM times),
  powered AS (SELECT c.dev, c.t, c.dt, CASE WHEN c.t < p.t1 THEN (p.p0 + (p.p1 - p.p0) * (c.t + c.dt / 2 - p.t0) / (p.t1 - p.t0)) * c.dt / 1e9 ELSE 0 END AS e,
      CASE WHEN c.t < p.t1 THEN c.dt / 1e9 ELSE 0 END AS "on" FROM cuts c ASOF LEFT JOIN pieces p ON p.dev = c.dev AND c.t >= p.t0 WHERE c.dt IS NOT NULL),
  segments AS MATERIALIZED (SELECT s.*, s.t >= ${startNs} AND s.t < ${endNs} AS inside, coalesce(s.t < r.q1, false) AS quiet, f.n, ${LABELS.map((label) => `f.${label}`).join(', ')}, f.each
    FROM powered s ASOF JOIN flow f ON s.t >= f.t ASOF LEFT JOIN rests r ON s.t >= r.q0),
  upto AS (SELECT dev, t, ${until('e * each')} AS e, ${until('"on"')} AS "on" FROM segments),
  marks AS MATERIALIZED (SELECT u.t, sum(u.e) AS e, sum(u."on") AS "on", any_value(f.a_each) AS each FROM upto u JOIN flow f ON f.t = u.t GROUP BY u.t),
  owed AS MATERIALIZED (SELECT r.request_id, q.prompt_id, q.size, q.repeat, q.input_tokens::BIGINT - coalesce(q.cached_tokens, 0) AS new_tokens, q.output_tokens, r.b,
      (r.e - r.b) / 1e9 AS s, (r.f - r.b) / 1e9 AS s_prefill, (r.e - r.f) / 1e9 AS s_decode,
      e.e - b.e AS e, f.e - b.e AS e_prefill, e.e - f.e AS e_decode, (e.each - b.each) / 1e9 AS own_s, (f.each - b.each) / 1e9 AS own_s_prefill, (e.each - f.each) / 1e9 AS own_s_decode,
      e."on" - b."on" >= ${sources.length} * (r.e - r.b) / 1e9 * (1 - 1e-6) AS covered
    FROM flights r JOIN requests q ON q.request_id = r.request_id JOIN marks b ON b.t = r.b JOIN marks e ON e.t = r.e LEFT JOIN marks f ON f.t = r.f
    WHERE r.measured AND q.status = 'ok' AND r.e > r.b)`
}

/** `pieces` alone, with what it is made of; CTEs without WITH. */
export function piecesSql(sources: readonly EnergySource[]): string {
  const list = sources.map(
    ({ sensor, kind }, dev) => `(${dev}, ${sensor.track_id}, '${kind}', ${sqlNumber(sensor.hole_ns)})`,
  )
  return `${samplesSql(sources.map(({ sensor }) => sensor))},
  source(dev, track_id, kind, hole_ns) AS (VALUES ${list.join(', ')}),
  nodes AS (SELECT e.dev, s.chain, s.value AS p, (s.from_ns + s.to_ns) / 2 AS c, s.from_ns, s.before_ns, s.holds_ns,
      lead((s.from_ns + s.to_ns) / 2) OVER w AS c_next, lead(s.value) OVER w AS p_next, row_number() OVER w AS place
    FROM samples s JOIN source e ON e.track_id = s.track_id WHERE e.kind = 'gauge' AND NOT s.is_repeat WINDOW w AS (PARTITION BY e.dev, s.chain ORDER BY s.t_ns)),
  counted AS (SELECT e.dev, s.t_ns, s.value, lead(s.t_ns) OVER w AS t_next, lead(s.value) OVER w AS v_next FROM samples s JOIN source e ON e.track_id = s.track_id
    WHERE e.kind = 'counter' AND s.t_ns = s.same_ns WINDOW w AS (PARTITION BY e.dev, s.chain ORDER BY s.t_ns)),
  grown AS (SELECT e.dev, c.t_ns, c.value, lag(c.t_ns) OVER (PARTITION BY e.dev ORDER BY c.t_ns) AS before_ns, e.hole_ns
    FROM counters c JOIN source e ON e.track_id = c.track_id WHERE e.kind = 'delta'),
  pieces AS MATERIALIZED (SELECT * FROM (
      SELECT dev, c AS t0, coalesce(c_next, holds_ns) AS t1, p AS p0, coalesce(p_next, p) AS p1 FROM nodes
      UNION ALL SELECT dev, greatest(from_ns, coalesce(before_ns, from_ns)), c, p, p FROM nodes WHERE place = 1
      UNION ALL SELECT dev, t_ns, t_next, (v_next - value) / (t_next - t_ns) * 1e9, (v_next - value) / (t_next - t_ns) * 1e9 FROM counted WHERE v_next >= value
      UNION ALL SELECT dev, before_ns, t_ns, value / (t_ns - before_ns) * 1e9, value / (t_ns - before_ns) * 1e9 FROM grown
        WHERE value IS NOT NULL AND t_ns - before_ns BETWEEN 1 AND hole_ns) WHERE t1 > t0)`
}
