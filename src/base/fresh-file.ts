import { openSync, rmSync } from 'node:fs'

/**
 * Makes an empty file and opens it for writing. An existing file of that name, for example left by a killed process, is
 * removed first. If it is a symbolic link, the link is removed, never its target.
 */
export function createFresh(path: string): number {
  rmSync(path, { force: true })
  return openSync(path, 'wx', 0o644)
}
