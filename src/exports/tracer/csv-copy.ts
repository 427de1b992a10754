import { closeSync, renameSync, rmSync } from 'node:fs'
import { basename } from 'node:path'
import { removeAtExit } from '../../base/at-exit.ts'
import { errorCode, errorText, LayerlineError } from '../../base/errors.ts'
import { createFresh } from '../../base/fresh-file.ts'
import { literal } from '../../store/live-schema.ts'
import type { ExportedFile } from '../export-options.ts'
import { refuseExisting } from '../out-file.ts'
import type { SealedRun } from '../sealed-run.ts'

/** Writes a SELECT as CSV with its header; the file has its name only once it is whole. */
export async function copyCsv(run: SealedRun, select: string, path: string, what: string): Promise<ExportedFile> {
  refuseExisting(path)
  const keep = removeAtExit(`${path}.tmp`)
  try {
    // Made here, so that the database follows no symbolic link of that name.
    closeSync(createFresh(`${path}.tmp`))
    const result = await run.connection.runAndReadAll(
      `COPY (${select}) TO ${literal(`${path}.tmp`)} (FORMAT csv, HEADER, DELIMITER ',', USE_TMP_FILE false)`,
    )
    renameSync(`${path}.tmp`, path)
    return { path, rows: Number(result.getRows()[0]?.[0] ?? 0), what }
  } catch (error) {
    rmSync(`${path}.tmp`, { force: true })
    if (/no space left/i.test(errorText(error)))
      throw new LayerlineError('missing/disk-space', `--out ${path}: no space left on the disk`, { cause: error })
    if (errorCode(error) !== undefined || /cannot open file|permission/i.test(errorText(error)))
      throw new LayerlineError('input/out-unwritable', `--out ${path}: cannot be written`, {
        hint: 'name a path that you may write to',
        cause: error,
      })
    throw new LayerlineError('internal/export', `${basename(path)}: ${errorText(error)}`, { cause: error })
  } finally {
    keep()
  }
}
