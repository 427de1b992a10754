import { z } from 'zod'
import { rate } from './distribution.ts'

export const share = z.object({
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
})

export const sloFigures = z.object({
  limits: z.array(
    z.object({
      metric: z.string(),
      limit_ms: z.number(),
      met: z.number().describe('Answered requests that kept this limit, that broke it, and of which it is not known.'),
      missed: z.number(),
      unknown: z.number(),
    }),
  ),
  offered: z.number().describe('Measured requests, however they ended.'),
  answered: z.number(),
  met: z.number().describe('Requests that kept every limit.'),
  slo_attainment: share.nullable().describe('met / offered.'),
  goodput: z
    .object({
      requests_per_s: rate,
      output_tokens_per_s: rate,
      total_tokens_per_s: rate,
    })
    .nullable()
    .describe('Of requests that kept every limit, over the measured span.'),
})
