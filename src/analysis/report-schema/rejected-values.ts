import { z } from 'zod'

export const rejectedValues = z.object({
  layer: z.enum(['engine', 'gpu']),
  host: z.string().nullable(),
  device: z.string().nullable().describe('Null: of a server as a whole.'),
  values: z.number(),
  share: z.number().describe('Of all values of that device.'),
})
