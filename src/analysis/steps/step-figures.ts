import type { RunReader } from '../../store/read/run-reader.ts'
import type { Distribution } from '../intervals/distribution.ts'
import { rowDistributions } from '../intervals/row-distributions.ts'
import { TIMED, TOKEN_EVENTS } from '../populations.ts'
import { countOf, oneRow } from '../rows.ts'
import { type ProfileFit, profileFit } from './profile-fit.ts'

/** What the engine's own log of its steps tells of the requests. Times in ms. */
export interface StepFigures {
  /** Steps that ran requests, including those of other clients: `prefill`, `decode` or both, `mixed`. */
  kinds: StepKind[]
  /** From the last body byte sent to the scheduler's call that took the request in. */
  queue_ms: Distribution
  /** From there to the end of the step that gave the first token. */
  prefill_ms: Distribution
  /** From the end of a step to its token at the client: the first token of each request. */
  delivery_ms: Distribution
  preemptions: number
  /** Events of the stream that carry tokens, and those of them that are tied to their step. */
  events: number
  linked: number
  /** Null without a profile. */
  profile: ProfileFit | null
}

export interface StepKind {
  kind: string
  steps: number
  tokens: number
  dur_ms: Distribution
}

const KINDS = ['prefill', 'mixed', 'decode'] as const

/** Null for a run without a step log. */
export async function stepFigures(reader: RunReader): Promise<StepFigures | null> {
  const found = await oneRow(
    reader,
    `SELECT ${KINDS.map(
      (kind) => `count(*) FILTER (category = 'step' AND name = '${kind}') AS ${kind}_n,
        sum(tokens) FILTER (category = 'step' AND name = '${kind}') AS ${kind}_tokens`,
    ).join(', ')},
      count(*) FILTER (category = 'preemption') AS preemptions
      FROM named_slices WHERE category IN ('step', 'preemption')`,
  )
  const steps = KINDS.reduce((sum, kind) => sum + countOf(found, `${kind}_n`), 0)
  if (steps === 0) return null
  const durations = await rowDistributions(
    reader,
    `named_slices WHERE category = 'step'`,
    Object.fromEntries(KINDS.map((kind) => [kind, `CASE WHEN name = '${kind}' THEN dur_ns END`])) as Record<
      (typeof KINDS)[number],
      string
    >,
  )
  const waits = await rowDistributions(reader, `(${FIRST_TOKENS})`, {
    queue: 'first_step_ns - sent_ns',
    prefill: 'token_step_end_ns - first_step_ns',
    delivery: 'first_token_ns - token_step_end_ns',
  })
  const links = await oneRow(
    reader,
    `SELECT count(*) AS events, count(*) FILTER ((c.request_id, c."index") IN
        (SELECT (src_id, src_index) FROM links WHERE kind = 'token of step')) AS linked
      FROM ${TOKEN_EVENTS} c`,
  )
  return {
    kinds: KINDS.flatMap((kind) => {
      const n = countOf(found, `${kind}_n`)
      return n === 0 ? [] : [{ kind, steps: n, tokens: countOf(found, `${kind}_tokens`), dur_ms: durations[kind] }]
    }),
    queue_ms: waits.queue,
    prefill_ms: waits.prefill,
    delivery_ms: waits.delivery,
    preemptions: countOf(found, 'preemptions'),
    events: countOf(links, 'events'),
    linked: countOf(links, 'linked'),
    profile: await profileFit(reader),
  }
}

/** Of each answered request: when a step first took it in, and when the step of its first token had ended. */
const FIRST_TOKENS = `
  SELECT r.sent_ns, r.first_token_ns, t.first_step_ns, s.t_ns + s.dur_ns AS token_step_end_ns
  FROM ${TIMED} r
  JOIN (SELECT request_id, min(t_ns) AS first_step_ns FROM slices WHERE category = 'scheduled' GROUP BY ALL) t USING (request_id)
  JOIN (SELECT src_id AS request_id, arg_min(dst_id, src_index) AS step FROM links WHERE kind = 'token of step' GROUP BY ALL) l
    USING (request_id)
  JOIN slices s ON s.slice_id = l.step`
