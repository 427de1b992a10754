import { z } from 'zod'

export const percentile = z.union([
  z.object({
    value: z.number(),
    low: z.number(),
    high: z.number(),
  }),
  z.object({
    too_few: z.number(),
  }),
])

export const distribution = z
  .object({
    n: z.number(),
    requests: z.number(),
    min: z.number(),
    mean: z.number(),
    p50: percentile,
    p90: percentile,
    p99: percentile,
    max: z.number(),
  })
  .nullable()

export const latency = z.object({
  ttft_ms: distribution,
  itl_ms: distribution,
  itl_amortized_ms: distribution,
  itl_amortized_left_out: z
    .number()
    .describe("Requests with gaps whose events' tokens are not known; not in `itl_amortized_ms`."),
  tpot_ms: distribution,
  e2e_ms: distribution,
  due_ttft_ms: distribution.describe(
    'TTFT and E2E from when the request was due, not from when it went; of a schedule only.',
  ),
  due_e2e_ms: distribution,
  lag_ms: distribution.describe('All measured requests that were sent, failed ones too.'),
  start_lag_ms: distribution.describe(
    "`lag_ms` up to where a fresh connection's establishing began, less what a ceiling held back: the client's own part.",
  ),
  connect_ms: distribution,
  headers_ms: distribution,
})

export const rate = z.object({
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
  method: z.enum(['slots', 'arrivals', 'time_blocks']).describe('What was resampled: see docs/metrics.md.'),
})
