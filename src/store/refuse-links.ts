import { type Dirent, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LayerlineError } from '../base/errors.ts'

/**
 * Throws `input/run-link` where a run holds a symbolic link: what is written or removed by name would then lie outside of it. A run that
 * came from elsewhere may hold any. The folder itself may be reached by one.
 */
export function refuseLinks(folder: string): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    if (entry.isSymbolicLink()) throw linkError(path)
    if (!entry.isDirectory()) continue
    for (const inside of entriesOf(path)) if (inside.isSymbolicLink()) throw linkError(join(path, inside.name))
  }
}

function entriesOf(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true })
}

function linkError(path: string): LayerlineError {
  return new LayerlineError('input/run-link', `${path}: a symbolic link; expected a run without any`, {
    hint: 'nothing was changed: put the file or folder itself there, or remove the link',
  })
}
