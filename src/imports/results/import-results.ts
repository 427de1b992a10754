import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { LayerlineError } from '../../base/errors.ts'
import { aiperf } from '../aiperf/aiperf.ts'
import { guidellm } from '../guidellm/guidellm.ts'
import type { ImportedRun } from '../import-run.ts'
import { RunWriter } from '../run-writer.ts'
import { vllmBench } from '../vllm-bench/vllm-bench.ts'
import { headOf, ResultFile, type ResultFormat } from './result-file.ts'
import { UNREAD_RESULTS } from './unread-results.ts'

/** Result files of load tools; the first that knows a file's beginning takes it. */
export const RESULTS: readonly ResultFormat[] = [vllmBench, aiperf, guidellm]

/**
 * Makes a sealed run of a load tool's result file; null where the path is none that we know. Throws `input/import-version`
 * for a file of another version than is read, and `input/import-format` for a tool's file that is not.
 */
export async function importResults(
  pathAsGiven: string,
  out: string | undefined,
  strict: boolean,
): Promise<ImportedRun | null> {
  const path = resolve(pathAsGiven)
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return null
  const head = headOf(path)
  if (!head.startsWith('{')) return null
  const format = RESULTS.find(({ detect }) => detect(head))
  if (format === undefined) {
    const unread = UNREAD_RESULTS.find(({ detect }) => detect(head))
    if (unread === undefined) return null
    throw new LayerlineError('input/import-format', `${path}: the file is ${unread.what}`, { hint: unread.hint })
  }
  const run = await RunWriter.create(out, { format: format.id, files: [path] })
  try {
    await format.read(new ResultFile(path, head, format.reads, strict), run)
    return { folder: run.folder, format: format.id, files: [path], run: await run.finish() }
  } catch (error) {
    run.abandon()
    throw versionError(error, path, format, head)
  }
}

/** A file that does not fit, and says that another version wrote it, is refused for that. */
function versionError(error: unknown, path: string, format: ResultFormat, head: string): unknown {
  const version = format.version?.(head) ?? null
  if (version === null || !(error instanceof LayerlineError) || error.code !== 'input/import-value') return error
  return new LayerlineError(
    'input/import-version',
    `${path}: written by ${version}; read are the files of ${format.reads} (${error.message.slice(path.length)})`,
    { hint: `run it with ${format.reads}, or record with layerline load`, cause: error },
  )
}
