import { beforeEach } from 'vitest'

/** The tests that follow, in this `describe` or file, are skipped where something is missing: a sentence with how to get it, or null. */
export function needs(missing: string | null | undefined): void {
  beforeEach((context) => {
    if (missing != null) context.skip(missing)
  })
}
