import { z } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import { MAX_LEVEL, MIN_LEVEL } from './tiles/levels.ts'

const ids = z.array(z.number().int().min(0).max(0xffffffff)).max(256)

export const tileInput = z.object({
  level: z.number().int().min(MIN_LEVEL).max(MAX_LEVEL).multipleOf(2),
  index: z.number().int().min(-1e12).max(1e12),
  slices: ids,
  counters: ids,
  requests: z.boolean(),
})
export const sqlInput = z.object({ sql: z.string().max(100_000) })
export const rangeInput = z.object({ from: z.coerce.number().finite(), to: z.coerce.number().finite() })
export const idInput = z.coerce.number().int().min(0).max(0xffffffff)
export const searchInput = z.string().trim().min(1).max(200)
export const requestsInput = z.object({
  sort: z.string().max(40).default('request_id'),
  descending: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
  from: z.coerce.number().int().min(0).default(0),
  count: z.coerce.number().int().min(0).max(500).default(100),
  filter: z.string().max(200).default(''),
  status: z.string().max(40).default(''),
})
export const sloInput = z.string().max(300).optional()

/** What came in, or `usage/input` that says which part was expected to be otherwise. */
export function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new LayerlineError('usage/input', `${issue?.path.join('.') || 'input'}: ${issue?.message ?? 'not as expected'}`)
}
