import { BASE_FIGURES } from '../trace/base-figures.ts'

/** The requests that figures speak of: warm-up and drain are kept in the run, and out of here. */
export const MEASURED = "(SELECT * FROM requests WHERE phase = 'measured')"

/** Those that were answered: the only ones in latency, tokens and throughput. */
export const ANSWERED = "(SELECT * FROM requests WHERE phase = 'measured' AND status = 'ok')"

/** Those of them that no profiler slowed: the ones whose times say something of the server. */
export const TIMED = "(SELECT * FROM requests WHERE phase = 'measured' AND status = 'ok' AND profiled IS NOT TRUE)"

/**
 * When a request started to take the client's time: at a fresh connection's start, else at the send. If a crash cut it
 * off, neither was recorded, and the time when it was due is used.
 */
export const BEGIN_NS = "coalesce(connect_start_ns, sent_ns, CASE WHEN status = 'interrupted' THEN scheduled_ns END)"

/** Figures of a request in SQL, ns; NULL where it has none. */
export const TTFT_NS = BASE_FIGURES.ttft.sql
export const TPOT_NS = BASE_FIGURES.tpot.sql
export const E2E_NS = BASE_FIGURES.e2e.sql

/** An event that carries a token; role-only and usage events do not. */
export const IS_TOKEN_EVENT = "kind IN ('content', 'reasoning', 'tool')"

/** Token events of answered requests. */
export const TOKEN_EVENTS = `(SELECT c.* FROM chunks c SEMI JOIN ${ANSWERED} a ON c.request_id = a.request_id WHERE ${IS_TOKEN_EVENT})`

/** One row per token event: `gap_ns` since the request's token event before it, NULL at its first. */
export const GAPS = `(SELECT request_id, t_ns, ${BASE_FIGURES.itl.sql} AS gap_ns FROM ${TOKEN_EVENTS})`

/** The same of requests that no profiler slowed. */
export const TIMED_GAPS = `(SELECT g.* FROM ${GAPS} g SEMI JOIN ${TIMED} t ON g.request_id = t.request_id)`
