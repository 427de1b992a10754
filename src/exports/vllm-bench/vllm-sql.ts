import { HAS_CHOICES } from '../../analysis/definitions/raw-requests.ts'
import { BEGIN_NS, MEASURED } from '../../analysis/populations.ts'

/** Events with choices, of every measured request: a failed one keeps those up to its failure, as the tool does. */
const CHOICES = `(SELECT c.request_id, c."index", c.t_ns FROM chunks c SEMI JOIN ${MEASURED} m ON c.request_id = m.request_id WHERE ${HAS_CHOICES})`

/**
 * One row per measured request, in the order of their start; times in ns. Without events, the request's own first and
 * last token are used.
 */
const ROWS = `(SELECT r.*, coalesce(${BEGIN_NS}, r.scheduled_ns) AS begin_ns, e.gaps, r.status = 'ok' AS ok,
    coalesce(e.first_ns, r.first_token_ns) AS first_ns, coalesce(e.last_ns, r.last_token_ns) AS last_ns
  FROM ${MEASURED} r LEFT JOIN (
    SELECT request_id, min(t_ns) AS first_ns, max(t_ns) AS last_ns, list(gap_ns / 1e9 ORDER BY "index") FILTER (gap_ns IS NOT NULL) AS gaps
    FROM (SELECT *, t_ns - lag(t_ns) OVER (PARTITION BY request_id ORDER BY "index") AS gap_ns FROM ${CHOICES}) GROUP BY request_id
  ) e ON e.request_id = r.request_id)`

const array = (json: string, from = ROWS) => `SELECT ${json} FROM ${from} ORDER BY begin_ns, request_id`
/** A double as JSON reads it back, exactly. */
const double = (value: string) => `to_json((${value})::DOUBLE)::VARCHAR`

/** The arrays of the result in the tool's order, each a column of JSON texts. */
export const ARRAYS = {
  input_lens: array('coalesce(input_tokens, intended_input_tokens, 0)::VARCHAR'),
  output_lens: array('CASE WHEN ok THEN coalesce(output_tokens, 0) ELSE 0 END::VARCHAR'),
  ttfts: array(double('coalesce((first_ns - begin_ns) / 1e9, 0)')),
  itls: array("coalesce(to_json(gaps)::VARCHAR, '[]')"),
  latencies: array(double('CASE WHEN ok THEN coalesce(last_ns, end_ns) - begin_ns ELSE 0 END / 1e9')),
  start_times: array(double('begin_ns / 1e9')),
  queue_times: array(double('(begin_ns - scheduled_ns) / 1e9')),
  generated_texts: array(
    "to_json(coalesce(output, ''))::VARCHAR",
    `(SELECT r.*, t.output FROM ${ROWS} r LEFT JOIN texts t ON t.request_id = r.request_id)`,
  ),
  errors: array("to_json(CASE WHEN ok THEN '' ELSE coalesce(error, http_status::VARCHAR, status) END)::VARCHAR"),
} as const

export const TOTALS = `SELECT count(*) AS offered, count(*) FILTER (ok) AS completed,
    sum(input_tokens) FILTER (ok)::DOUBLE AS input_tokens, sum(output_tokens) FILTER (ok)::DOUBLE AS output_tokens,
    (max(coalesce(end_ns, last_ns, begin_ns)) - min(begin_ns)) / 1e9 AS duration, any_value(model) AS model, any_value(endpoint) AS endpoint,
    (count(*) - 1) / nullif((max(scheduled_ns) - min(scheduled_ns)) / 1e9, 0) AS offered_per_s
  FROM ${ROWS}`

/** benchmarks/serve.py: events and active requests in each whole second since the first successful request began. */
export const PEAKS = `WITH rows AS (SELECT * FROM ${ROWS} WHERE ok), zero AS (SELECT min(begin_ns) AS t FROM rows)
  SELECT (SELECT max(n) FROM (SELECT count(*) AS n FROM ${CHOICES} c SEMI JOIN rows ON rows.request_id = c.request_id, zero
      GROUP BY floor((c.t_ns - zero.t) / 1e9))) AS tokens_per_s,
    (SELECT max(n) FROM (SELECT count(*) AS n FROM (SELECT unnest(range(floor((begin_ns - zero.t) / 1e9)::BIGINT,
      floor((coalesce(last_ns, end_ns, begin_ns) - zero.t) / 1e9)::BIGINT + 1)) AS second FROM rows, zero) GROUP BY second)) AS concurrent`
