import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { readSmallFile } from '../../base/small-file.ts'
import { SWEEP_FILE, type SweepRecord } from './run-sweep.ts'

/** The fields that the table of a sweep needs; the rest is as it was written. */
const recordSchema = z.looseObject({
  sweep: z.enum(['rate', 'concurrency']),
  slo: z.string().nullable(),
  steps: z.array(
    z.looseObject({
      run: z.string(),
      level: z.number(),
      requests: z.number(),
      ok: z.number(),
      ttft_ms: z.looseObject({}),
      itl_ms: z.looseObject({}),
      e2e_ms: z.looseObject({}),
      doubts: z.array(z.string()),
    }),
  ),
  cut_off: z.looseObject({ run: z.string(), level: z.number() }).nullable(),
  result: z.looseObject({ target: z.number() }).nullable(),
})

/** Whether a folder is that of a sweep: it has the record of one, and no run of its own. */
export function isSweepFolder(folder: string): boolean {
  return existsSync(join(folder, SWEEP_FILE)) && !existsSync(join(folder, 'run.json'))
}

const MOST_BYTES = 64 * 2 ** 20

/** What `sweep.json` in this folder says. Throws `input/sweep`. */
export function readSweep(folder: string): SweepRecord {
  const file = join(resolve(folder), SWEEP_FILE)
  try {
    return recordSchema.parse(JSON.parse(readSmallFile(file, MOST_BYTES).toString('utf8'))) as unknown as SweepRecord
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : errorText(error)
    throw new LayerlineError('input/sweep', `${file}: expected the record of a sweep: ${why}`, {
      hint: 'the steps are runs of their own: layerline report FOLDER/01-…',
    })
  }
}
