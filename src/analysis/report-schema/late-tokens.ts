import { z } from 'zod'
import { LATE_CAUSES } from '../late-tokens/causes.ts'

const lateCause = z.enum(LATE_CAUSES)

export const lateCauseFigures = z.object({
  cause: lateCause,
  tokens: z.number().describe('Tokens of which it explains at least half, and more than any other.'),
  explained_ms: z.number(),
  share: z.number().describe('Of the time by which tokens were late.'),
})

export const threadShares = z.object({
  on_cpu: z.number().nullable(),
  blocked: z.number().nullable(),
  cpu_wait: z.number().nullable(),
})

export const lateThread = z.object({
  process: z.string().nullable(),
  thread: z.string().nullable(),
  on_time: threadShares.describe('Shares of the time of on-time tokens, and of late ones.'),
  late: threadShares,
  excess_ms: threadShares.describe('ms in all late tokens beyond what as much time holds for on-time tokens.'),
})

export const lateToken = z.object({
  request_id: z.number(),
  index: z.number(),
  at_s: z.number(),
  gap_ms: z.number(),
  cause: z
    .enum(['preempted', 'stopped', 'throttled', 'stolen', 'storage', 'client', 'delivery', 'cpu_wait', 'prefill'])
    .nullable()
    .describe('Null: none is claimed.'),
  explained_ms: z.number(),
})

export const lateTokens = z.object({
  itl_median_ms: z.number(),
  late_from_ms: z.number().describe('A gap longer than this is late.'),
  tokens: z.number(),
  late: z.number(),
  looked_at: z
    .number()
    .describe('Of the late ones, the longest; of on-time tokens, a sample that they are compared with.'),
  on_time: z.number(),
  late_ms: z.number().describe('By how much those looked at were late, and the share of it that has a cause.'),
  explained_share: z.number(),
  causes: z.array(lateCauseFigures),
  unclaimed: z.number().describe('Late tokens of which no cause explains half.'),
  not_looked_for: z.array(lateCause).describe('Causes that nothing was recorded for: neither claimed nor ruled out.'),
  threads: z.array(lateThread).describe("What the engine's threads did, the busiest first."),
  longest: z.array(lateToken),
})
