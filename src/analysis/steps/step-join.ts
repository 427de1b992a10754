import { doubtsOf } from '../../derived/scheduler-replay/infer.ts'
import type { Doubt, InferredLink } from '../../derived/scheduler-replay/model.ts'
import { readJoin, type StepSource } from '../../derived/scheduler-replay/read-join.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, oneRow } from '../rows.ts'

/** What the tokens' steps are by inference: from steps without names and what the client saw. */
export interface StepJoin {
  from: StepSource
  /** Links that it is sure of, and token events that it is not. */
  inferred: number
  unresolved: number
  /** Unresolved events by reason. */
  doubts: Partial<Record<Doubt, number>>
  /** Places where the replay did not fit and began anew, by reason. */
  breaks: Partial<Record<Doubt, number>>
  /** Why no figure is available. */
  refused: Doubt | null
  /** Requests that stopped by themselves ran once more, as with asynchronous scheduling. */
  asynchronous: boolean
  /** Most tokens in a step. */
  most_step_tokens: number
  /** Against the engine's own log; null for a run without one. */
  score: StepJoinScore | null
}

export interface StepJoinScore {
  /** Links that the log says of these steps. */
  links: number
  /** Inferred links that are among them. */
  right: number
  /** Of what was inferred, what is right; and of what there is, what was inferred. */
  precision: number | null
  recall: number | null
}

/** Null for a run without steps, without tokens, or with more of these than are held at once. */
export async function stepJoin(reader: RunReader): Promise<StepJoin | null> {
  const row = await oneRow(
    reader,
    `SELECT count(*) FILTER (t.name = 'engine_steps') AS profiled, count(*) FILTER (s.category = 'step') AS logged
      FROM slices s JOIN tracks t USING (track_id) WHERE t.layer = 'engine'`,
  )
  const [profiled, logged] = [countOf(row, 'profiled') > 0, countOf(row, 'logged') > 0]
  if (!profiled && !logged) return null
  const from = profiled ? 'profile' : 'step_log'
  const join = await readJoin((sql) => reader.query(sql), from)
  if (join === null) return null
  const { links, breaks, refused, asynchronous, tokenBudget } = join
  const inferred = links.filter(({ doubt }) => doubt === null)
  return {
    from,
    inferred: inferred.length,
    unresolved: links.length - inferred.length,
    doubts: doubtsOf(join),
    breaks,
    refused,
    asynchronous,
    most_step_tokens: tokenBudget,
    score: logged ? await scoreOf(reader, from, inferred) : null,
  }
}

/** The log's own links; to the steps of the profile that show the same, where the replay had these. */
const TRUTH: Readonly<Record<StepSource, string>> = {
  step_log: `SELECT src_id, src_index, dst_id FROM links WHERE kind = 'token of step' AND confidence = 'measured'`,
  profile: `SELECT l.src_id, l.src_index, p.dst_id FROM links l
    JOIN links p ON p.kind = 'profile of step' AND p.src_kind = 'slice' AND p.src_id = l.dst_id
    WHERE l.kind = 'token of step' AND l.confidence = 'measured'`,
}

async function scoreOf(reader: RunReader, from: StepSource, links: readonly InferredLink[]): Promise<StepJoinScore> {
  const rows = await reader.query(TRUTH[from])
  const key = (request: unknown, index: unknown, step: unknown) => `${request} ${index} ${step}`
  const truth = new Set(rows.map(({ src_id, src_index, dst_id }) => key(src_id, src_index, dst_id)))
  // Of a profile and its log, only what both have can be judged.
  const judged = new Set(rows.map(({ dst_id }) => Number(dst_id)))
  const told = links.filter(({ stepId }) => judged.has(stepId))
  const right = told.filter(({ requestId, index, stepId }) => truth.has(key(requestId, index, stepId))).length
  return {
    links: truth.size,
    right,
    precision: told.length === 0 ? null : right / told.length,
    recall: truth.size === 0 ? null : right / truth.size,
  }
}
