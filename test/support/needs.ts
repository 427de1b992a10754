import { spawnSync } from 'node:child_process'
import { beforeEach } from 'vitest'

/** The tests that follow, in this `describe` or file, are skipped where something is missing: a sentence with how to get it, or null. */
export function needs(missing: string | null | undefined): void {
  beforeEach((context) => {
    if (missing != null) context.skip(missing)
  })
}

/** That a program is not on the PATH, and how to get it; null where it is. */
export function missingProgram(name: string): string | null {
  const absent = spawnSync(name, ['--version'], { stdio: 'ignore' }).error !== undefined
  return absent ? `${name} is not installed: sudo scripts/setup-system` : null
}
