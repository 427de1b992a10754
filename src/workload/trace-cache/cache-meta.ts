import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** Raised when what is in a cache changes its meaning: older ones are then made anew. */
export const CACHE_VERSION = 2

const metaSchema = z.object({
  version: z.literal(CACHE_VERSION),
  /** The file it was made from, for people who look. */
  source: z.string(),
  rows: z.int().min(0),
  firstUs: z.number(),
  lastUs: z.number(),
  /** Rows of the source that came later than they should have; here they stand in order. */
  outOfOrder: z.int().min(0),
  /** Rows without tokens of input or output are there; most tokens of a row, both together. */
  hasEmpty: z.boolean(),
  longest: z.int().min(0),
  /** What was passed over while the source was read. */
  counts: z.record(z.string(), z.int()),
  parts: z.array(
    z.object({ file: z.string().regex(/^[a-z0-9-]+\.parquet$/), firstUs: z.number(), lastUs: z.number() }),
  ),
})
export type CacheMeta = z.infer<typeof metaSchema>

/** What a cache says of itself, or null where there is none, or one of another version, or a damaged one. */
export function readCacheMeta(folder: string): CacheMeta | null {
  try {
    const parsed = metaSchema.safeParse(JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
