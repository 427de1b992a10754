import type { SqlRow } from '../sql-row.ts'
import { STEP_PATTERN, stepNumbers } from '../step-names.ts'
import { inferJoin } from './infer.ts'
import type { ClientRequest, EngineStep, InferredJoin, TokenEvent } from './model.ts'

/** Where the steps come from: a profile, or the engine's own log without the names in it. */
export type StepSource = 'profile' | 'step_log'

/** Most events held in memory at once; runs with more are not joined. */
const MOST_EVENTS = 500_000

type Query = (sql: string) => Promise<SqlRow[]>

const STEPS: Readonly<Record<StepSource, string>> = {
  profile: `
    SELECT s.track_id::DOUBLE AS track, s.slice_id::DOUBLE AS id, s.t_ns, s.dur_ns,
      ${stepNumbers('n.text')}
    FROM slices s JOIN strings n ON n.id = s.name_id JOIN tracks t ON t.track_id = s.track_id
    WHERE t.layer = 'engine' AND t.name = 'engine_steps' AND regexp_matches(n.text, ${STEP_PATTERN}) ORDER BY s.t_ns`,
  // A request that has tokens decodes, even if it runs its prompt again. Requests of other clients are taken for
  // decodes.
  step_log: `
    WITH scheduled AS (
      SELECT s.step_id, s.tokens, coalesce(sum(coalesce((s.args->>'emitted')::INT, CASE WHEN n.text = 'chunked prefill' THEN 0 ELSE 1 END))
        OVER (PARTITION BY s.request_id ORDER BY s.t_ns, s.step_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS had
      FROM slices s JOIN strings n ON n.id = s.name_id WHERE s.category = 'scheduled'
    ), ours AS (
      SELECT step_id, sum(tokens) AS tokens, count(*) FILTER (had = 0) AS prefills, sum(tokens) FILTER (had = 0) AS prefill_tokens,
        count(*) FILTER (had > 0) AS decodes, sum(tokens) FILTER (had > 0) AS decode_tokens
      FROM scheduled GROUP BY step_id
    ), counted AS (
      SELECT s.track_id, s.slice_id, s.t_ns, s.dur_ns, o.* EXCLUDE (tokens), s.tokens - coalesce(o.tokens, 0) AS foreign_tokens
      FROM slices s LEFT JOIN ours o ON o.step_id = s.slice_id WHERE s.category = 'step'
    )
    SELECT track_id::DOUBLE AS track, slice_id::DOUBLE AS id, t_ns, dur_ns, coalesce(prefills, 0)::DOUBLE AS prefills,
      coalesce(prefill_tokens, 0)::DOUBLE AS prefill_tokens, (coalesce(decodes, 0) + foreign_tokens)::DOUBLE AS decodes,
      (coalesce(decode_tokens, 0) + foreign_tokens)::DOUBLE AS decode_tokens
    FROM counted ORDER BY t_ns`,
}

/** The send time of a request whose answer a crash cut off was never recorded: the time when it was due is used. */
const SENT_NS = "coalesce(r.sent_ns, CASE WHEN r.status = 'interrupted' THEN r.scheduled_ns END)"

/** 0 if the engine's own total says that its cache had no hits, NULL otherwise. */
const NOTHING_CACHED = `(SELECT CASE WHEN count(*) > 0 AND sum(grown) = 0 THEN 0 END FROM (
  SELECT max(c.value) - min(c.value) AS grown FROM counters c JOIN tracks t USING (track_id)
  WHERE t.layer = 'engine' AND t.name = 'prefix_cache_hits_total' GROUP BY c.track_id))`

/** Events that carry tokens, of requests that were sent. */
const EVENTS = `
  FROM chunks c JOIN requests r USING (request_id)
  WHERE ${SENT_NS} IS NOT NULL AND coalesce(c.tokens, CASE WHEN c.kind IN ('content', 'reasoning', 'tool') THEN 1 ELSE 0 END) > 0`

/**
 * The inferred join of a run's tokens with its steps; `query` asks the run's tables. null: the run has no such steps,
 * no events, or too many of them.
 */
export async function readJoin(query: Query, source: StepSource): Promise<InferredJoin | null> {
  const steps = await query(STEPS[source])
  const [first, last] = [steps[0], steps.at(-1)]
  if (first === undefined || last === undefined) return null
  const tracks = new Map<number, { steps: EngineStep[]; tokens: number }>()
  for (const row of steps) {
    const step = stepOf(row)
    const track = tracks.get(Number(row.track)) ?? { steps: [], tokens: 0 }
    track.steps.push(step)
    track.tokens += step.prefillTokens + step.decodeTokens
    tracks.set(Number(row.track), track)
  }
  const within = `${SENT_NS} <= ${Number(last.t_ns) + Number(last.dur_ns)} AND coalesce(r.end_ns, 'inf'::DOUBLE) >= ${Number(first.t_ns)}`
  const [count] = await query(`SELECT count(*)::DOUBLE AS n ${EVENTS} AND ${within}`)
  const events = Number(count?.n ?? 0)
  if (events === 0 || events > MOST_EVENTS) return null
  // Ranks of one engine run the same steps: one rank is enough.
  const [one, ...others] = [...tracks.values()]
  if (one === undefined || others.some(({ tokens }) => tokens !== one.tokens)) {
    return { links: [], refused: 'several_engines', asynchronous: false, tokenBudget: 0, breaks: {} }
  }
  return inferJoin(one.steps, await requestsOf(query, within))
}

async function requestsOf(query: Query, within: string): Promise<ClientRequest[]> {
  const rows = await query(`
    SELECT request_id::DOUBLE AS id, least(scheduled_ns, sent_ns) AS due_ns, ${SENT_NS} AS sent_ns, coalesce(end_ns, 'inf'::DOUBLE) AS end_ns,
      input_tokens::DOUBLE AS input_tokens, coalesce(cached_tokens, ${NOTHING_CACHED})::DOUBLE AS cached_tokens,
      CASE WHEN status = 'ok' THEN output_tokens END::DOUBLE AS output_tokens,
      coalesce(finish_reason <> 'length', output_tokens < requested_tokens, false) AS stopped
    FROM requests r WHERE ${SENT_NS} IS NOT NULL AND ${within} ORDER BY ${SENT_NS}`)
  const events = new Map<number, TokenEvent[]>()
  const found = await query(`
    SELECT c.request_id::DOUBLE AS id, c."index"::DOUBLE AS i, c.t_ns, c.tokens::DOUBLE AS tokens ${EVENTS} AND ${within}
    ORDER BY c.request_id, c."index"`)
  for (const row of found) {
    const of = events.get(Number(row.id)) ?? []
    of.push({ index: Number(row.i), tNs: Number(row.t_ns), tokens: orNull(row.tokens) })
    events.set(Number(row.id), of)
  }
  return rows.map((row) => ({
    id: Number(row.id),
    dueNs: Number(row.due_ns),
    sentNs: Number(row.sent_ns),
    endNs: Number(row.end_ns),
    inputTokens: orNull(row.input_tokens),
    cachedTokens: orNull(row.cached_tokens),
    outputTokens: orNull(row.output_tokens),
    stopped: row.stopped === true,
    events: events.get(Number(row.id)) ?? [],
  }))
}

function stepOf(row: SqlRow): EngineStep {
  return {
    id: Number(row.id),
    tNs: Number(row.t_ns),
    durNs: Number(row.dur_ns),
    prefills: Number(row.prefills),
    prefillTokens: Number(row.prefill_tokens),
    decodes: Number(row.decodes),
    decodeTokens: Number(row.decode_tokens),
  }
}

function orNull(value: SqlRow[string] | undefined): number | null {
  return value === null || value === undefined ? null : Number(value)
}
