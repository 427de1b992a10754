import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeAtExit } from './at-exit.ts'
import { errorText, LayerlineError } from './errors.ts'
import { isSameProcessAlive, processStart } from './process-identity.ts'

const NAME = /^layerline-[a-z]+-(\d+)-(\d+)-(\d*)-\w{6}$/

/**
 * Makes a folder for temporary files that only this user may enter, and whose name nobody can know beforehand. `purpose` is a
 * word in its name. Folders that a killed process of this user has left are removed first. The caller removes the new one; the
 * end of the process does in any case. Throws `missing/temporary-folder`.
 */
export function scratchFolder(purpose: string, parent = tmpdir()): string {
  removeStaleScratch(parent)
  const name = `layerline-${purpose}-${pidNamespace()}-${process.pid}-${processStart(process.pid)}-`
  let folder: string
  try {
    // Mode 0700, whatever the umask.
    folder = mkdtempSync(join(parent, name))
  } catch (cause) {
    throw new LayerlineError(
      'missing/temporary-folder',
      `${parent}: no folder can be made there: ${errorText(cause)}`,
      {
        hint: 'set TMPDIR to a folder that you may write to',
        cause,
      },
    )
  }
  removeAtExit(folder)
  return folder
}

/** Removes what dead processes have left: only real folders that this user owns, and never what a symbolic link leads to. */
export function removeStaleScratch(parent = tmpdir()): void {
  for (const name of namesIn(parent)) {
    const [, namespace, pid, start] = NAME.exec(name) ?? []
    if (namespace !== pidNamespace() || isSameProcessAlive(Number(pid), start ?? '')) continue
    const path = join(parent, name)
    try {
      const { uid } = lstatSync(path)
      // What is not a folder, as a symbolic link, is left: no process of Layerline made it.
      if (lstatSync(path).isDirectory() && uid === process.getuid?.()) rmSync(path, { recursive: true, force: true })
    } catch {
      // Another process was quicker, or a file in it cannot be removed: that must not stop this one.
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** Containers may share a temporary folder and not their process ids. */
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  } catch {
    return '0'
  }
}
