import { z } from 'zod'

export const definedDistribution = z.object({
  name: z.string(),
  unit: z.string(),
  formula: z.string(),
  n: z.number().describe('Values; of weighted ones, requests.'),
  mean: z.number().nullable(),
  std: z.number().nullable().describe('Of the population, as these tools have it.'),
  p50: z.number().nullable(),
  p90: z.number().nullable(),
  p99: z.number().nullable(),
})

export const definedFigures = z.object({
  id: z.string(),
  tool: z.string(),
  percentiles: z.enum(['interpolated', 'order']),
  distributions: z.array(definedDistribution),
  rates: z.array(
    z.object({
      name: z.string(),
      unit: z.string(),
      formula: z.string(),
      value: z.number().nullable(),
    }),
  ),
})
