import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeAtExit } from './at-exit.ts'
import { errorText, LayerlineError } from './errors.ts'
import { isSameProcessAlive, processStart } from './process-identity.ts'

const NAME = /^layerline-[a-z]+-(\d+)-(\d+)-(\d*)-\w{6}$/

/**
 * Makes a folder for temporary files that only this user may enter, and whose name cannot be guessed. `purpose` is a
 * word in its name. Folders that killed processes of this user left are removed first. The caller removes the new one;
 * it is removed at the end of the process in any case. Throws `missing/temporary-folder`.
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

/**
 * Removes the folders of dead processes: only real folders that this user owns, and never the target of a symbolic
 * link.
 */
export function removeStaleScratch(parent = tmpdir()): void {
  for (const name of namesIn(parent)) {
    const [, namespace, pid, start] = NAME.exec(name) ?? []
    if (namespace !== pidNamespace() || isSameProcessAlive(Number(pid), start ?? '')) continue
    const path = join(parent, name)
    try {
      const { uid } = lstatSync(path)
      // Anything that is not a folder, such as a symbolic link, stays: Layerline did not make it.
      if (lstatSync(path).isDirectory() && uid === process.getuid?.()) rmSync(path, { recursive: true, force: true })
    } catch {
      // Another process was quicker, or a file in it cannot be removed: that must not stop this process.
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

/** Containers may share a temporary folder without sharing process ids. */
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0'
  } catch {
    return '0'
  }
}
