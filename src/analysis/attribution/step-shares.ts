/**
 * How a step's time is divided among the requests that it ran together. No source tells: it is a model, and declared.
 * `tokens`: by the tokens that each had in it; `equal`: the same for each.
 */
export const SPLIT_MODELS = ['tokens', 'equal'] as const
export type SplitModel = (typeof SPLIT_MODELS)[number]

/**
 * One row per request of the run and step of the engine's log: `step_id`, `request_id`, `stage` (prefill, chunked
 * prefill, decode), its `tokens`, how many it `emitted`, and its `share` of the step. Together with the requests of
 * other clients, the shares of a step add up to one.
 */
export function stepShares(model: SplitModel): string {
  const requests = `greatest(o.n, coalesce((s.args->>'requests')::DOUBLE, o.n + (s.tokens > o.tokens)::INT))`
  return `(SELECT c.step_id, c.request_id, c.name AS stage, c.tokens,
      coalesce((c.args->>'emitted')::INT, CASE WHEN c.name = 'chunked prefill' THEN 0 ELSE 1 END) AS emitted,
      ${model === 'tokens' ? 'c.tokens::DOUBLE / s.tokens' : `1::DOUBLE / ${requests}`} AS share
    FROM named_slices c JOIN slices s ON s.slice_id = c.step_id
      JOIN (SELECT step_id, count(*) AS n, sum(tokens) AS tokens FROM slices WHERE category = 'scheduled' GROUP BY 1) o ON o.step_id = c.step_id
    WHERE c.category = 'scheduled')`
}
