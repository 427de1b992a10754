import { z } from 'zod'

const count = z.number().int().min(0)
const headSchema = z.looseObject({
  /** The format's version. */
  layerline_step_log: z.number().int().min(1).max(2),
  pid: count,
  monotonic_ns: z.string().regex(/^\d+$/),
  unix_ns: z.string().regex(/^\d+$/),
  scheduler: z.string(),
  async_scheduling: z.boolean(),
})
export type StepLogHead = z.infer<typeof headSchema>

/** A number of a request, its tokens in a step, and how many were computed before. */
const rowSchema = z.tuple([count, count, z.number().int()])

const scheduledSchema = z.object({
  /** Number of the step. */
  n: count,
  /** ns since the head's monotonic_ns, before and after the scheduler was asked. */
  a: z.number(),
  b: z.number(),
  /** Requests seen for the first time: number, id, prompt tokens, tokens in the prefix cache. */
  new: z.array(z.tuple([count, z.string(), count, count])).default([]),
  /** Numbers of requests that were preempted since the step before. */
  p: z.array(count).default([]),
  /** Numbers of requests that finished; they are not named again. */
  f: z.array(count).default([]),
  /** The line is complete by itself: `r` is all that the step runs. In a log of version 1 every line is. */
  k: z.literal(1).optional(),
  /** Who ran in the step before and does not in this one. */
  g: z.array(count).default([]),
  /** What it runs, where that does not follow from the step before. */
  r: z.array(rowSchema).default([]),
})
export type ScheduledLine = z.infer<typeof scheduledSchema>

const endedSchema = z.object({
  /** Number of the step. */
  e: count,
  a: z.number(),
  b: z.number(),
  /** Tokens that came out: request, tokens. Those of a request that is not listed: `tokensUnlisted`. */
  o: z.array(z.tuple([count, count])).default([]),
})
export type EndedLine = z.infer<typeof endedSchema>

const clockSchema = z.object({
  /** ns since the head's monotonic_ns, and what the system's clock showed then, Unix ns. */
  m: z.number(),
  u: z.string().regex(/^\d+$/),
})
export type ClockLine = z.infer<typeof clockSchema>

export type StepLine =
  | { kind: 'head'; head: StepLogHead }
  | { kind: 'scheduled'; line: ScheduledLine }
  | { kind: 'ended'; line: EndedLine }
  | { kind: 'clock'; line: ClockLine }
  | { kind: 'dropped'; steps: number }
  | { kind: 'broken' }

/** One line of a step log (python/layerline_vllm); a line of a shape that is not known is `broken`. */
export function readStepLine(text: string): StepLine {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { kind: 'broken' }
  }
  if (typeof value !== 'object' || value === null) return { kind: 'broken' }
  if ('n' in value) return as(scheduledSchema.safeParse(value), (line) => ({ kind: 'scheduled', line }))
  if ('e' in value) return as(endedSchema.safeParse(value), (line) => ({ kind: 'ended', line }))
  if ('u' in value) return as(clockSchema.safeParse(value), (line) => ({ kind: 'clock', line }))
  if ('layerline_step_log' in value) return as(headSchema.safeParse(value), (head) => ({ kind: 'head', head }))
  if ('full' in value) return { kind: 'dropped', steps: 0 }
  if ('dropped' in value && typeof value.dropped === 'number') return { kind: 'dropped', steps: value.dropped }
  return { kind: 'broken' }
}

function as<T>(parsed: { success: true; data: T } | { success: false }, make: (data: T) => StepLine): StepLine {
  return parsed.success ? make(parsed.data) : { kind: 'broken' }
}
