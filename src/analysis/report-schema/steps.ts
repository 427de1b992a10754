import { z } from 'zod'
import { DOUBTS } from '../../derived/scheduler-replay/model.ts'
import { distribution } from './distribution.ts'
import { stepSource } from './trace.ts'

export const stepKind = z.object({
  kind: z.string(),
  steps: z.number(),
  tokens: z.number(),
  dur_ms: distribution,
})

export const profileFit = z.object({
  steps: z
    .number()
    .describe("The profile's steps that ran something, and those of them that are tied to a step of the log."),
  tied: z.number(),
  ahead_at_most_ms: z
    .number()
    .nullable()
    .describe(
      "The profile's clock may run ahead, or behind, by so much at most: else a step would not lie in the one that ran it.",
    ),
  behind_at_most_ms: z.number().nullable(),
  early_tokens: z
    .number()
    .describe("Tokens that came to the client before the profile's step that made them had ended, which cannot be."),
})

export const stepFigures = z.object({
  kinds: z
    .array(stepKind)
    .describe('Steps that ran requests, also those of other clients: `prefill`, `decode` or both, `mixed`.'),
  queue_ms: distribution.describe("From the last body byte sent to the scheduler's call that took the request in."),
  prefill_ms: distribution.describe('From there to the end of the step that gave the first token.'),
  delivery_ms: distribution.describe(
    'From the end of a step to its token at the client: the first token of each request.',
  ),
  preemptions: z.number(),
  events: z.number().describe('Events of the stream that carry tokens, and those of them that are tied to their step.'),
  linked: z.number(),
  profile: profileFit.nullable().describe('Null without a profile.'),
})

export const stepJoinScore = z.object({
  links: z.number().describe('Links that the log says of these steps.'),
  right: z.number().describe('Inferred links that are among them.'),
  precision: z
    .number()
    .nullable()
    .describe('Of what was inferred, what is right; and of what there is, what was inferred.'),
  recall: z.number().nullable(),
})

/** Doubts that occurred, and how often. */
const doubtCounts = z.object({
  order: z.number().optional(),
  preemption: z.number().optional(),
  speculative: z.number().optional(),
  foreign: z.number().optional(),
  missing_steps: z.number().optional(),
  ambiguous: z.number().optional(),
  late: z.number().optional(),
  uncounted: z.number().optional(),
  several_engines: z.number().optional(),
  unseen: z.number().optional(),
})

export const stepJoin = z.object({
  from: stepSource,
  inferred: z.number().describe('Links that it is sure of, and token events that it is not.'),
  unresolved: z.number(),
  doubts: doubtCounts.describe('Unresolved events by reason.'),
  breaks: doubtCounts.describe('Places where the replay did not fit and began anew, by reason.'),
  refused: z.enum(DOUBTS).nullable().describe('Why nothing is known.'),
  asynchronous: z
    .boolean()
    .describe('Requests that stopped by themselves ran once more, as with asynchronous scheduling.'),
  most_step_tokens: z.number().describe('Most tokens in a step.'),
  score: stepJoinScore.nullable().describe("Against the engine's own log; null for a run without one."),
})

export const spanFigures = z.object({
  requests: z.number().describe('Requests with a span, and answered ones in all.'),
  answered: z.number(),
  queue_ms: distribution,
  prefill_ms: distribution,
  decode_ms: distribution,
  whole_ms: distribution.describe('The span itself.'),
})
