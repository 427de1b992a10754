import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { LATE_CAUSES } from '../../src/analysis/late-tokens/causes.ts'
import { hostProvenance } from '../../src/sources/host/provenance.ts'
import { judgedSchema } from './score.ts'

const engine = z.enum(['llamacpp', 'vllm'])
const made = { made: z.string(), machine: z.string() }

/** A run in which one thing was done to an engine (null: nothing). */
const harmedSchema = z.strictObject({
  harm: z.string(),
  cause: z.enum(LATE_CAUSES).nullable(),
  engine,
  /** What was recorded beside /proc. */
  layers: z.string(),
  seconds: z.number(),
  injections: z.number().int(),
  /** What went wrong in it without ending it, each text once. */
  failures: z.array(z.string()),
  /** ITL p99, and that of the same engine left alone. */
  p99_ms: z.number().nullable(),
  calm_p99_ms: z.number().nullable(),
  judged: z.array(judgedSchema),
  /** Why it could not be done; null where it was. */
  not_done: z.string().nullable(),
  ...made,
})
export type HarmedResult = z.infer<typeof harmedSchema>

/** A start of an engine with its weights dropped from the page cache, or left there. */
const coldSchema = z.strictObject({
  engine,
  dropped: z.boolean(),
  /** What the report says of the page cache; null: nothing. */
  told: z.enum(['cold', 'partly', 'warm']).nullable(),
  storage_bytes: z.number().nullable(),
  weights_ms: z.number().nullable(),
  init_ms: z.number().nullable(),
  total_ms: z.number().nullable(),
  ...made,
})
export type ColdResult = z.infer<typeof coldSchema>

const resultsSchema = z.strictObject({ harmed: z.array(harmedSchema), cold: z.array(coldSchema) })
export type Results = z.infer<typeof resultsSchema>

/** What earlier uses measured. */
export function readResults(path: string): Results {
  return existsSync(path) ? resultsSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) : { harmed: [], cold: [] }
}

/**
 * Adds to the existing results: a fault that was injected again the same way replaces its earlier result, and so do all
 * starts of an engine.
 */
export function addResults(path: string, fresh: Results): void {
  const before = readResults(path)
  const key = ({ harm, engine, layers }: HarmedResult) => `${harm} ${engine} ${layers}`
  const again = new Set(fresh.harmed.map(key))
  const engines = new Set(fresh.cold.map((each) => each.engine))
  const all: Results = {
    harmed: [...before.harmed.filter((each) => !again.has(key(each))), ...fresh.harmed],
    cold: [...before.cold.filter((each) => !engines.has(each.engine)), ...fresh.cold],
  }
  writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`)
}

/** When and on what it was made. */
export function madeHere(): { made: string; machine: string } {
  const { kernel, cores, cpu } = hostProvenance()
  return { made: new Date().toISOString().slice(0, 10), machine: `${cores} cores of ${cpu ?? 'a CPU'}, ${kernel}` }
}
