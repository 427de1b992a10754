import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { cacheFolder } from '../../src/engines/care/install/cache.ts'
import { stopEngine } from '../../src/engines/care/process/running-engines.ts'
import { installLlamacpp } from '../../src/engines/llamacpp/install/install.ts'

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
  beforeAll(async () => {
    await installLlamacpp({})
    for (const part of ['engines', 'models']) symlinkSync(join(cacheFolder(), part), join(folder, part))
  }, 10 * 60_000)
  afterAll(async () => {
    await stopEngine('llamacpp', { ...process.env, LAYERLINE_CACHE: folder }).catch(() => {})
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, processes: () => processesWith(`LAYERLINE_CACHE=${folder}`) }
}

function processesWith(variable: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable)
      } catch {
        return false
      }
    })
    .map(Number)
}
