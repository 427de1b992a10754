import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeFileAtomic } from '../../store/run-folder.ts'

/** KernelTracer's marker: what a folder of a tracer's files is of, and whether it is whole. */
export const STATUS_FILE = '_TRACE_STATUS.json'

const schema = z.looseObject({
  tracer: z.string(),
  framework: z.string(),
  model: z.string().nullish(),
  device: z.string(),
  mode: z.string(),
  timestamp: z.string(),
  success: z.boolean(),
  tracer_version: z.string().nullish(),
  error: z.looseObject({ kind: z.string(), message: z.string() }).nullish(),
  facts: z.record(z.string(), z.unknown()).nullish(),
})
export type TraceStatus = z.output<typeof schema>

/** What a trace is wanted of. */
export interface TraceWanted {
  readonly tracer: string
  readonly framework: string
  readonly device: string
  readonly mode: string
  readonly version: string
}

/** The marker of a folder; null where there is none that can be read. */
export function readTraceStatus(folder: string): TraceStatus | null {
  const path = join(folder, STATUS_FILE)
  if (!existsSync(path)) return null
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

export function writeTraceStatus(folder: string, status: TraceStatus): void {
  writeFileAtomic(join(folder, STATUS_FILE), `${JSON.stringify(status, null, 2)}\n`)
}

/** Whether the trace that is wanted is there already: success, and all five are the same. */
export function isTraced(status: TraceStatus | null, wanted: TraceWanted): boolean {
  return (
    status?.success === true &&
    status.tracer === wanted.tracer &&
    status.framework === wanted.framework &&
    status.device === wanted.device &&
    status.mode === wanted.mode &&
    status.tracer_version === wanted.version
  )
}
