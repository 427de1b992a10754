import { z } from 'zod'

export const certifiedEffect = z.union([
  z.object({
    effect: z.number(),
    low: z.number(),
    high: z.number(),
    pairs: z.number(),
    off: z.number().describe('The figure with the layer off.'),
    decided: z.boolean().describe('Whether the interval lies on one side of zero.'),
  }),
  z.object({
    pairs: z.number(),
    too_few: z.number(),
  }),
])

export const certifiedLayer = z.object({
  layer: z.string(),
  off: z.enum(['paused', 'detached']).describe('What being off was.'),
  block_s: z.number(),
  itl_ms: certifiedEffect,
  ttft_ms: certifiedEffect,
  output_tokens_per_s: certifiedEffect,
})

export const certificate = z.object({
  layers: z.array(certifiedLayer),
})
