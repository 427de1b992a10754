import { firstBytes, refuseForeign } from '../base/foreign-file.ts'
import type { RunJson } from '../trace/run-json.ts'
import { csvSource } from './csv-source.ts'
import { folderSource } from './folder-source.ts'
import type { ImportOptions } from './import-format.ts'
import { ImportInput } from './import-input.ts'
import { EXPECTED } from './import-source.ts'
import type { ImportId } from './registry.ts'
import { resultSource } from './results/result-source.ts'
import { RunWriter } from './run-writer.ts'

export interface ImportedRun {
  readonly folder: string
  readonly format: ImportId
  readonly files: readonly string[]
  readonly run: RunJson
}

export const PLAIN: ImportOptions = { stacks: false, args: false, strict: false, onProgress: () => {} }

/**
 * Makes a sealed run of a foreign file, or of the files of a folder, which must be of one format. Throws
 * `input/import-*` with file and line where it cannot; a run half made is removed.
 */
export async function importRun(
  path: string,
  out: string | undefined,
  options: ImportOptions = PLAIN,
): Promise<ImportedRun> {
  const input = new ImportInput(path)
  if (input.isFile) refuseForeign(path, firstBytes(path), 'input/import-format', EXPECTED, ['gzip', 'zstd'])
  const source =
    (await resultSource(input, options)) ?? (await folderSource(input, options)) ?? (await csvSource(input, options))
  const run = await RunWriter.create(out, { format: source.format, ...source.config })
  try {
    const files = await source.read(run)
    return { folder: run.folder, format: source.format, files, run: await run.finish() }
  } catch (error) {
    run.abandon()
    throw error
  }
}
