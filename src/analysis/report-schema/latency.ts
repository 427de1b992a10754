import { z } from 'zod'

export const kernelClock = z.object({
  events: z.number().describe('Token events of answered requests, and those of them whose segment was seen.'),
  held: z.number(),
  p50_ms: z.number().nullable(),
  p99_ms: z.number().nullable().describe('Null with too few events.'),
  max_ms: z.number().nullable(),
  first: z
    .object({
      requests: z.number(),
      p50_ms: z.number().nullable(),
      max_ms: z.number().nullable(),
    })
    .describe('The same of first tokens: by so much is a TTFT too long.'),
  uncertainty_ms: z.number().nullable().describe("How well the kernel's clock and ours were aligned at worst."),
})

export const slowReason = z.enum([
  'held',
  'sent_late',
  'queued',
  'long_prompt',
  'slow_prefill',
  'long_answer',
  'slow_decode',
  'stall',
])

export const slowRequest = z.object({
  request_id: z.number(),
  prompt_id: z.string().nullable(),
  took_ms: z.number().describe('From when it was due (in an open loop), else from when it was sent, to its end.'),
  ttft_ms: z.number().nullable(),
  input_tokens: z.number().nullable(),
  output_tokens: z.number().nullable(),
  retries: z.number(),
  reasons: z
    .array(
      z.object({
        reason: slowReason,
        ms: z.number().describe('The time that it stands for.'),
        how: z.enum(['measured', 'at_least']).describe('`measured`; `at_least`: a bound from below.'),
        cause: z
          .string()
          .nullable()
          .describe('Of a stall: what happened when its token came late, where the late tokens were looked at.'),
      }),
    )
    .describe('Most telling first; empty where nothing is unusual.'),
})
