import type { ColumnSpec } from '../../trace/columns.ts'
import { codeOf } from '../../trace/columns.ts'
import type { RunJson } from '../../trace/run-json.ts'
import { CHUNK_KINDS, requests, STATUSES, TOKEN_SOURCES } from '../../trace/tables.ts'
import { ident, liveName } from '../live-schema.ts'

const TOKEN_KINDS = (['content', 'reasoning', 'tool'] as const).map((kind) => codeOf(CHUNK_KINDS, kind)).join(', ')

/** Whether a request was in flight while a profiler ran. */
function overlaps(windows: RunJson['profiled']): string {
  const each = windows.map(
    ({ from_ns, to_ns }) =>
      `(coalesce(end_ns, 'inf'::DOUBLE) >= ${from_ns} AND coalesce(connect_start_ns, sent_ns, scheduled_ns) <= ${to_ns ?? "'inf'::DOUBLE"})`,
  )
  return each.length === 0 ? 'false' : each.join(' OR ')
}

/** How many offers have no request that ended, as a query. */
export const UNENDED = `SELECT count(*)::DOUBLE FROM ${liveName('offers')} WHERE request_id NOT IN (SELECT request_id FROM ${liveName('requests')})`

/**
 * The live requests, and, if some are `unended`, for each offer without an end an `interrupted` row made from its
 * chunks. Its token count is kept only if every token event came with one. Those in flight while a profiler ran are
 * flagged.
 */
export function allRequests(profiled: RunJson['profiled'], unended: boolean): string {
  const known: Record<string, string> = {
    request_id: 'o.request_id',
    shard: 'o.shard',
    prompt_id: 'o.prompt_id',
    scheduled_ns: 'o.scheduled_ns',
    first_token_ns: 'c.first_token_ns',
    last_token_ns: 'c.last_token_ns',
    end_ns: 'c.last_event_ns',
    max_gap_ns: 'c.max_gap_ns',
    status: `${codeOf(STATUSES, 'interrupted')}`,
    error: "'the recorder ended before the answer did'",
    output_tokens: 'c.output_tokens',
    token_source: `CASE WHEN c.output_tokens IS NULL THEN NULL ELSE ${codeOf(TOKEN_SOURCES, 'ids')} END`,
    phase: 'o.phase',
    repeat: 'o.repeat',
    rx_bytes: 'NULL',
    profiled: 'false',
  }
  const columns = Object.keys(requests.columns satisfies Record<string, ColumnSpec>)
  const list = columns.map((name) => `${known[name] ?? 'NULL'} AS ${ident(name)}`).join(', ')
  const ended = `SELECT ${columns.map(ident).join(', ')} FROM ${liveName('requests')}`
  const all = !unended
    ? ended
    : `${ended} UNION ALL
    SELECT ${list} FROM ${liveName('offers')} o
    LEFT JOIN (${chunkSummary()}) c USING (request_id)
    WHERE o.request_id NOT IN (SELECT request_id FROM ${liveName('requests')})`
  return profiled.length === 0
    ? all
    : `SELECT * REPLACE ((profiled OR ${overlaps(profiled)}) AS profiled) FROM (${all})`
}

function chunkSummary(): string {
  const chunks = liveName('chunks')
  return `SELECT request_id, max(t_ns) AS last_event_ns,
      min(t_ns) FILTER (is_token) AS first_token_ns, max(t_ns) FILTER (is_token) AS last_token_ns, max(gap_ns) AS max_gap_ns,
      CASE WHEN count(*) FILTER (is_token AND tokens IS NULL) = 0 THEN least(sum(tokens) FILTER (is_token), 4294967294)::UINTEGER END AS output_tokens
    FROM (
      SELECT *, CASE WHEN is_token THEN t_ns - lag(t_ns) OVER (PARTITION BY request_id, is_token ORDER BY "index") END AS gap_ns
      FROM (SELECT *, kind IN (${TOKEN_KINDS}) AS is_token FROM ${chunks}
            WHERE request_id NOT IN (SELECT request_id FROM ${liveName('requests')}))
    ) GROUP BY request_id`
}
