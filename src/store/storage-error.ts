import { errorCode, errorText, LayerlineError } from '../base/errors.ts'

/** Why a run's folder cannot be written, from what the system or the database says. */
export function storageError(folder: string, cause: unknown): LayerlineError {
  if (cause instanceof LayerlineError) return cause
  const code = errorCode(cause)
  const text = errorText(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT' || /no space left|disk full|ENOSPC/i.test(text)) {
    return new LayerlineError('missing/disk-space', `${folder}: no space left on the disk`, {
      hint: 'free some space, then `layerline recover RUN` seals what was recorded',
      cause,
    })
  }
  if (code === 'ENOENT') return folderGone(folder, cause)
  return new LayerlineError('input/run-unwritable', `${folder}: cannot be written: ${text}`, {
    hint: 'make the folder writable again, then `layerline recover RUN` seals what was recorded',
    cause,
  })
}

/** A run whose folder was removed, or moved away, while it was recorded. */
export function folderGone(folder: string, cause?: unknown): LayerlineError {
  return new LayerlineError(
    'missing/run-folder',
    `${folder}: the run's folder was removed or moved while the run was recorded`,
    {
      hint: 'if it was moved, `layerline recover` at its new place seals what it holds; else nothing of the run is left',
      cause,
    },
  )
}
