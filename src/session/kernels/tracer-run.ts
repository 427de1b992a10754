import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { importRun, PLAIN } from '../../imports/import-run.ts'
import { tracerPlaces } from '../../imports/kernel-tracer/tracer-folder.ts'

/** Makes a run of a tracer's folder; named by its place below `outputsRoot`; does nothing where neither sums nor a profile are in it. */
export async function importTracerRun(folder: string, out: string, outputsRoot: string): Promise<void> {
  const trace = join(folder, 'trace.json.gz')
  if (tracerPlaces(folder).length > 0) await importRun(folder, out, { ...PLAIN, outputsRoot })
  else if (existsSync(trace)) await importRun(trace, out)
}
