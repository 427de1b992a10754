import { beforeAll, beforeEach } from 'vitest'
import { LayerlineError } from '../../src/base/errors.ts'
import { installLlamacpp } from '../../src/engines/llamacpp/install/install.ts'

/** What the machine lacks; anything else that goes wrong fails. */
const LACKS = ['missing/python3', 'missing/pip', 'missing/platform']
/** The first use installs the engine and its model, 150 MB. */
const INSTALL_MS = 10 * 60_000

/**
 * Installs the small real engine and its model before the tests of a file; where the machine lacks what that takes, they are skipped
 * and say how to get it. Hooks that use the engine come after it and ask whether it is `there`.
 */
export function needsSmallEngine(): { there(): boolean } {
  let missing: string | null = null
  beforeAll(async () => {
    try {
      await installLlamacpp({})
    } catch (error) {
      if (!(error instanceof LayerlineError) || !LACKS.includes(error.code)) throw error
      missing = `${error.message} ${error.hint}`
    }
  }, INSTALL_MS)
  beforeEach((context) => {
    if (missing !== null) context.skip(missing)
  })
  return { there: () => missing === null }
}
