import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const labelsSchema = z.object({
  tags: z.array(z.string().trim().min(1).max(40)).max(20).default([]),
  note: z.string().max(4000).default(''),
})
export type Labels = z.infer<typeof labelsSchema>

/** Beside run.json, which stays as it was sealed. */
const FILE = 'labels.json'

/** A run's tags and note; none if the file is missing or damaged. */
export function readLabels(folder: string): Labels {
  try {
    const parsed = labelsSchema.safeParse(JSON.parse(readFileSync(join(folder, FILE), 'utf8')))
    if (parsed.success) return parsed.data
  } catch {
    // There are none, or they are no JSON.
  }
  return { tags: [], note: '' }
}

/** Throws a zod error for labels that are too many or too long. */
export function writeLabels(folder: string, value: unknown): Labels {
  const labels = labelsSchema.parse(value)
  const fresh = join(folder, `${FILE}.tmp`)
  writeFileSync(fresh, `${JSON.stringify(labels, null, 2)}\n`)
  renameSync(fresh, join(folder, FILE))
  return labels
}
