import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { cacheFolder } from '../../src/engines/care/install/cache.ts'
import { stopEngine } from '../../src/engines/care/process/running-engines.ts'
import { processesWith } from './processes.ts'
import { needsSmallEngine } from './small-engine.ts'

export interface OwnCache {
  /** For LAYERLINE_CACHE. */
  readonly folder: string
  /** The processes that were started with it, by pid. */
  processes(): number[]
}

/**
 * A cache folder for the tests of a file, with the installed engine and model linked in: its running engines are
 * those of these tests, so that `engine stop` ends no other's. What still runs is ended with the tests.
 */
export function useOwnCache(): OwnCache {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-cache-'))
  const small = needsSmallEngine()
  beforeAll(() => {
    if (!small.there()) return
    for (const part of ['engines', 'models']) symlinkSync(join(cacheFolder(), part), join(folder, part))
  })
  afterAll(async () => {
    await stopEngine('llamacpp', { ...process.env, LAYERLINE_CACHE: folder }).catch(() => {})
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    folder,
    processes: () => processesWith((entry) => entry === `LAYERLINE_CACHE=${folder}`).map(({ pid }) => pid),
  }
}
