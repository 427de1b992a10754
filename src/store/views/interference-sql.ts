import { STEP_PATTERN, stepNumbers } from '../../derived/step-names.ts'

/** Where it is known which requests a step ran: the engine's own log, or the replay of its scheduler over a profile's steps. */
export type StepsFrom = 'step_log' | 'inferred'

const LOGGED = `
  steps AS (SELECT slice_id AS step_id, track_id, t_ns, dur_ns, tokens::DOUBLE AS tokens FROM slices WHERE category = 'step'),
  scheduled AS (SELECT step_id, request_id, CASE WHEN name = 'decode' THEN 'decode' ELSE 'prefill' END AS stage, tokens::DOUBLE AS tokens
    FROM named_slices WHERE category = 'scheduled')`

/**
 * For a profile: a request's first token came from the step that ran its prompt, less the cached part; each later step
 * ran one token.
 */
const INFERRED = `
  steps AS (SELECT s.slice_id AS step_id, s.track_id, s.t_ns, s.dur_ns, s.tokens::DOUBLE AS tokens, s.name
    FROM named_slices s JOIN tracks t USING (track_id) WHERE t.layer = 'engine' AND s.category <> 'step' AND regexp_matches(s.name, ${STEP_PATTERN})),
  tied AS (SELECT l.src_id AS request_id, l.dst_id AS step_id, min(l.src_index) AS first_index, round(sum(l.share * coalesce(c.tokens, 1))) AS emitted
    FROM links l JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index
    WHERE l.kind = 'token of step' AND l.confidence <> 'unresolved' GROUP BY ALL),
  numbered AS (SELECT t.*, ${stepNumbers('s.name')}, first_index = min(first_index) OVER (PARTITION BY request_id) AS is_first
    FROM tied t JOIN steps s USING (step_id)),
  scheduled AS (SELECT step_id, request_id, CASE WHEN is_first THEN 'prefill' ELSE 'decode' END AS stage,
      CASE WHEN NOT is_first THEN emitted WHEN prefills = 1 THEN prefill_tokens
        ELSE least(prefill_tokens, greatest(1, r.input_tokens - coalesce(r.cached_tokens, 0))) END AS tokens
    FROM numbered n JOIN requests r USING (request_id))`

/**
 * Attribution of lost time, as common table expressions. Steps of one engine are put one after the other (with
 * asynchronous scheduling a step is prepared while the one before it runs): step `i` takes the time from the end of the
 * one before it, `from_ns`, to its own, `upto_ns`. A request's share of a step is by its tokens; `work` has a row for
 * each request in each step, and for each step one with `request_id` NULL: the requests that are not part of this run.
 */
export function workSql(from: StepsFrom): string {
  return `${from === 'step_log' ? LOGGED : INFERRED},
  ends AS (SELECT *, t_ns + dur_ns AS end_ns, max(t_ns + dur_ns) OVER (PARTITION BY track_id ORDER BY t_ns, step_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ns FROM steps),
  ordered AS MATERIALIZED (SELECT step_id, track_id, tokens, row_number() OVER (PARTITION BY track_id ORDER BY t_ns, step_id) AS i,
      greatest(t_ns, coalesce(before_ns, t_ns)) AS from_ns, greatest(end_ns, coalesce(before_ns, end_ns)) AS upto_ns FROM ends),
  own AS MATERIALIZED (SELECT s.request_id, o.track_id, o.i, o.from_ns, o.upto_ns, s.stage, s.tokens, (o.upto_ns - o.from_ns) * least(1, s.tokens / o.tokens) AS work_ns
    FROM scheduled s JOIN ordered o USING (step_id) WHERE o.tokens > 0),
  known AS (SELECT track_id, i, sum(work_ns) AS ns, sum(tokens) AS tokens FROM own GROUP BY ALL),
  work AS MATERIALIZED (SELECT * FROM own UNION ALL
    SELECT NULL, o.track_id, o.i, o.from_ns, o.upto_ns, 'unknown', greatest(0, o.tokens - coalesce(k.tokens, 0)), o.upto_ns - o.from_ns - coalesce(k.ns, 0)
    FROM ordered o LEFT JOIN known k USING (track_id, i))`
}

/**
 * After `work`: `spans`, each answered request from the first step that ran it to the last that had ended by its last token. Its time from the send to the last token is
 * `wait_ns` (no step had run it) + `own_ns` + `lost_ns` (its steps, and steps between them, ran others) + `between_ns` (no step ran) + `delivery_ns`, exactly.
 */
export const SPANS_SQL = `covered AS (SELECT track_id, i, sum(upto_ns - from_ns) OVER (PARTITION BY track_id ORDER BY i ROWS UNBOUNDED PRECEDING) AS busy_ns FROM work WHERE request_id IS NULL),
  bounds AS (SELECT r.request_id, r.sent_ns, r.last_token_ns, w.track_id, min(w.i) AS i0, max(w.i) AS i1, min(w.from_ns) AS first_ns, max(w.upto_ns) AS last_ns, sum(w.work_ns) AS own_ns
    FROM requests r JOIN work w USING (request_id) WHERE w.upto_ns <= r.last_token_ns AND w.from_ns >= r.sent_ns GROUP BY r.request_id, r.sent_ns, r.last_token_ns, w.track_id
    QUALIFY row_number() OVER (PARTITION BY r.request_id ORDER BY count(*) DESC, w.track_id) = 1),
  spans AS MATERIALIZED (SELECT b.*, last_token_ns - sent_ns AS measured_ns, first_ns - sent_ns AS wait_ns,
      z.busy_ns - coalesce(a.busy_ns, 0) - own_ns AS lost_ns, last_ns - first_ns - (z.busy_ns - coalesce(a.busy_ns, 0)) AS between_ns, last_token_ns - last_ns AS delivery_ns
    FROM bounds b JOIN covered z ON z.track_id = b.track_id AND z.i = b.i1 LEFT JOIN covered a ON a.track_id = b.track_id AND a.i = b.i0 - 1)`

/** After `work` and `spans`: `cells`, a row for each victim and culprit, by what the culprit did and whether the victim ran in the same steps. `victims`: SQL over `spans`; `sums`: more of `w`, `work`. */
export function cellsSql(victims = 'true', sums = ''): string {
  return `windows AS (SELECT request_id AS victim_id, track_id, unnest(generate_series(i0, i1)) AS i FROM spans WHERE ${victims}),
  cells AS (SELECT v.victim_id, w.request_id AS culprit_id, w.stage, m.i IS NOT NULL AS together, sum(w.work_ns) AS ns, sum(w.tokens) AS tokens${sums}
    FROM windows v JOIN work w ON w.track_id = v.track_id AND w.i = v.i AND w.request_id IS DISTINCT FROM v.victim_id
      LEFT JOIN work m ON m.request_id = v.victim_id AND m.track_id = v.track_id AND m.i = v.i
    GROUP BY ALL HAVING sum(w.work_ns) > 0)`
}
