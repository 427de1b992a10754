import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { errorCode, LayerlineError } from '../../../base/errors.ts'
import { withFileLock } from '../../../base/file-lock.ts'

/** Where engines and models live: `$LAYERLINE_CACHE`, else `$XDG_CACHE_HOME/layerline`, else `~/.cache/layerline`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.LAYERLINE_CACHE) return resolve(env.LAYERLINE_CACHE)
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'layerline')
}

/** The folders and files below the cache folder that all engines share. */
export function cacheLayout(root: string) {
  return {
    root,
    /** Finished engines, a folder each with a stamp inside. */
    engines: join(root, 'engines'),
    models: join(root, 'models'),
    /** Unfinished downloads; complete parts are used by the next install. */
    staging: join(root, 'staging'),
    logs: join(root, 'logs'),
    /** State files of running engines. */
    run: join(root, 'run'),
    lock: join(root, 'install.lock'),
  }
}

export type CacheLayout = ReturnType<typeof cacheLayout>

/** Makes a folder of the cache, for this user alone: logs hold what servers were asked. Throws missing/cache with the path when it cannot be made. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new LayerlineError('missing/cache', `Cannot make the cache folder ${path}: ${errorCode(error) ?? error}.`, {
      hint: 'Set LAYERLINE_CACHE to a folder that you may write to.',
      cause: error,
    })
  }
}

/** Runs `work` while no other process holds the cache's lock; `onWait` is called once when another has it. */
export async function withCacheLock<T>(
  layout: CacheLayout,
  work: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  makeFolder(layout.root)
  return withFileLock(layout.lock, work, onWait)
}
