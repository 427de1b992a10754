import { z } from 'zod'

export const verdictLine = z.object({
  level: z.enum(['ok', 'note', 'warn', 'bad']),
  what: z.string(),
  text: z.string(),
})

export const assessedState = z.enum(['unknown', 'fine', 'may_limit', 'limits'])

export const assessment = z.object({
  state: assessedState,
  evidence: z.array(z.string()).describe('The verdict lines it rests on, by their `what`, the most telling first.'),
})

export const assessments = z.object({
  client: assessment,
  server: assessment,
  network: assessment,
})
