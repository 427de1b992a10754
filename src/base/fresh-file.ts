import { openSync, rmSync } from 'node:fs'

/**
 * Makes an empty file and opens it for writing. What has the name goes first, as a left-over of a killed process; of a symbolic link that is the
 * link, never what it leads to.
 */
export function createFresh(path: string): number {
  rmSync(path, { force: true })
  return openSync(path, 'wx', 0o644)
}
