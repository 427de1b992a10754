import { ANSWERED, BEGIN_NS, IS_TOKEN_EVENT, MEASURED } from '../populations.ts'

/** An event with choices, whatever they hold: also the role alone, an empty text, a finish reason. Ours calls all else `usage`. */
export const HAS_CHOICES = "kind <> 'usage'"

const ANSWERED_CHUNKS = `(SELECT c.* FROM chunks c SEMI JOIN ${ANSWERED} a ON c.request_id = a.request_id)`

/**
 * What every set of definitions starts from: one row per answered, measured request, times in ns.
 *
 * begin_ns: before a connection is asked for; sent_ns: the request's last byte handed over; first_choice_ns,
 * last_choice_ns: the first and last event with choices; first_token_ns, last_token_ns: with a token; second_token_ns:
 * the second of these; first_answer_ns: the first token that is not reasoning; first_tokens: how many came with the
 * first, NULL if not reported; end_ns: end of the stream. Where a run has no events (an import, say), the request's own
 * first and last token are used.
 */
export const RAW_REQUESTS = `(SELECT r.request_id, ${BEGIN_NS} AS begin_ns, r.sent_ns, r.end_ns, r.first_token_ns, r.last_token_ns,
    r.input_tokens::DOUBLE AS input_tokens, r.output_tokens::DOUBLE AS output_tokens,
    coalesce(e.first_choice_ns, r.first_token_ns) AS first_choice_ns, coalesce(e.last_choice_ns, r.last_token_ns) AS last_choice_ns,
    CASE WHEN e.request_id IS NULL THEN r.first_token_ns ELSE e.first_answer_ns END AS first_answer_ns,
    e.second_token_ns, e.first_tokens
  FROM ${ANSWERED} r LEFT JOIN (
    SELECT request_id, min(t_ns) FILTER (${HAS_CHOICES}) AS first_choice_ns, max(t_ns) FILTER (${HAS_CHOICES}) AS last_choice_ns,
      min(t_ns) FILTER (kind IN ('content', 'tool')) AS first_answer_ns,
      min(t_ns) FILTER (nth = 2 AND ${IS_TOKEN_EVENT}) AS second_token_ns, any_value(tokens) FILTER (nth = 1 AND ${IS_TOKEN_EVENT})::DOUBLE AS first_tokens
    FROM (SELECT *, row_number() OVER (PARTITION BY request_id, ${IS_TOKEN_EVENT} ORDER BY "index") AS nth FROM ${ANSWERED_CHUNKS})
    GROUP BY request_id) e ON e.request_id = r.request_id)`

/** One row per gap between events with choices, `gap_ns`; NULL at a request's first. */
export const CHOICE_GAPS = `(SELECT t_ns - lag(t_ns) OVER (PARTITION BY request_id ORDER BY "index") AS gap_ns
  FROM ${ANSWERED_CHUNKS} WHERE ${HAS_CHOICES})`

/** Seconds from `start`, SQL over a row of requests, of the first measured request to the end of the last, failed ones too; NULL for none. */
export function spanSeconds(start: string): string {
  return `(SELECT nullif((max(coalesce(end_ns, last_token_ns, sent_ns)) - min(${start})) / 1e9, 0) FROM ${MEASURED})`
}
