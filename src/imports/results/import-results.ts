import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { aiperf } from '../aiperf/aiperf.ts'
import { guidellm } from '../guidellm/guidellm.ts'
import type { ImportedRun } from '../import-run.ts'
import { RunWriter } from '../run-writer.ts'
import { vllmBench } from '../vllm-bench/vllm-bench.ts'
import { ResultFile, type ResultFormat } from './result-file.ts'

/** Result files of load tools; the first that knows a file's beginning takes it. */
export const RESULTS: readonly ResultFormat[] = [vllmBench, aiperf, guidellm]

/** Makes a sealed run of a load tool's result file; null where the path is none that we know. */
export async function importResults(pathAsGiven: string, out: string | undefined): Promise<ImportedRun | null> {
  const path = resolve(pathAsGiven)
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return null
  const file = new ResultFile(path)
  const format = file.looksLikeJson ? RESULTS.find(({ detect }) => detect(file.head)) : undefined
  if (format === undefined) return null
  const run = await RunWriter.create(out, { format: format.id, files: [path] })
  try {
    await format.read(file, run)
    return { folder: run.folder, format: format.id, files: [path], run: await run.finish() }
  } catch (error) {
    run.abandon()
    throw error
  }
}
