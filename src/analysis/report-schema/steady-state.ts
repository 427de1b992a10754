import { z } from 'zod'
import { distribution } from './distribution.ts'

export const loadBin = z.object({
  offered_per_s: z
    .number()
    .describe('Measured requests that were due in it, that were sent, that ended ok, that ended otherwise; a second.'),
  sent_per_s: z.number(),
  answered_per_s: z.number(),
  failed_per_s: z.number(),
  in_flight: z.number().describe('Requests in flight, of every phase, on average.'),
  output_tokens_per_s: z
    .number()
    .describe("Tokens of answered requests of every phase, each request's spread evenly from its first to its last."),
})

export const steadyWindow = z.object({
  from_s: z.number().describe('Seconds since the measured span began.'),
  to_s: z.number(),
  warmup: z
    .object({
      s: z.number(),
      requests: z.number(),
    })
    .describe('What is excluded before and after it: time, and measured requests that began then.'),
  drain: z.object({
    s: z.number(),
    requests: z.number(),
  }),
  requests: z.number().describe('Measured requests that began within it.'),
  ok: z.number(),
  offered_per_s: z.number(),
  answered_per_s: z.number().describe('Requests that ended ok within it.'),
  in_flight: z.number(),
  output_tokens_per_s: z.number(),
  ttft_ms: distribution.describe('Of answered requests that began within it, and that no profiler slowed.'),
  tpot_ms: distribution,
  e2e_ms: distribution,
})

export const steadyState = z.object({
  over_time: z
    .object({
      bin_s: z.number(),
      bins: z.array(loadBin),
    })
    .describe('Stretches of the measured span, all of one length.'),
  window: steadyWindow.nullable().describe('Null where the load did not settle.'),
  unsettled: z
    .enum(['front', 'back', 'both'])
    .nullable()
    .describe('Where it had not settled: towards the `front`, the `back`, or `both` ends; null where it had.'),
})
