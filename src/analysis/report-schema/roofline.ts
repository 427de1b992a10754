import { z } from 'zod'

export const modelShape = z.object({
  model: z.string(),
  layers: z.number(),
  hidden: z.number(),
  heads: z.number(),
  kvHeads: z.number(),
  headDim: z.number(),
  intermediate: z.number(),
  vocabulary: z.number(),
  bytesEach: z.number().describe('Of a weight, and of a key or value.'),
})

export const rooflineKind = z.object({
  kind: z.string(),
  steps: z.number(),
  tokens: z.number(),
  flops: z.number(),
  bytes: z.number(),
  flops_per_byte: z.number(),
  flops_per_s: z.number().describe('By the time of the steps, host time included.'),
  bytes_per_s: z.number(),
  bound: z.enum(['compute', 'memory']).nullable().describe('On which side of the ridge; null without peaks.'),
  attained_share: z.number().nullable().describe('Of what the roofline allows at this intensity.'),
})

export const roofline = z.object({
  model: modelShape,
  from: z.enum(['step_log', 'profile']).describe('Which steps were counted.'),
  attention: z
    .enum(['counted', 'left_out'])
    .describe("`left_out` where contexts are not known: work is then too low by attention's part."),
  peaks: z
    .object({
      flops_per_s: z.number(),
      bytes_per_s: z.number(),
      source: z.literal('declared'),
      ridge_flops_per_byte: z.number(),
    })
    .nullable()
    .describe('Declared by the user; null: intensity alone, and no bound is claimed.'),
  steps_left_out: z.number().describe("Steps excluded because their contexts are not known and others' are."),
  kinds: z.array(rooflineKind),
})
