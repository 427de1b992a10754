import { z } from 'zod'

export const trackFigures = z.object({
  layer: z.enum(['host', 'client']),
  name: z.string(),
  unit: z.string().nullable(),
  host: z.string().nullable(),
  process: z.string().nullable(),
  device: z.string().nullable(),
  role: z.string().nullable().describe('client, engine or machine, where the track says.'),
  n: z.number(),
  mean: z.number(),
  p90: z.number(),
  max: z.number(),
  min: z.number(),
  sum: z.number(),
})

export const machine = z.object({
  tracks: z.array(trackFigures),
  more_tracks: z.number().describe('Tracks beyond those listed.'),
})
