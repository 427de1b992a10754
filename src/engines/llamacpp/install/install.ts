import type { InstalledEngine } from '../../care/engine.ts'
import { type CacheLayout, cacheFolder, cacheLayout } from '../../care/install/cache.ts'
import { fileDigest } from '../../care/install/checked-file.ts'
import { checkDisk } from '../../care/install/disk.ts'
import { installOnce } from '../../care/install/install-once.ts'
import { installModel, MODEL, modelReady, smallModelFile } from '../../care/install/small-model.ts'
import type { OnProgress } from '../../care/progress.ts'
import { engineFolder, engineReady, installEngine } from './install-engine.ts'
import { type Machine, platformPin, thisMachine } from './pins.ts'

export interface InstallOptions {
  onProgress?: OnProgress
  /** False if the user brings another model. */
  withModel?: boolean
  env?: NodeJS.ProcessEnv
  machine?: Machine
}

const NEEDED_BYTES = 450_000_000

/**
 * Makes sure that the engine and its model are in the cache, and returns where. Installed parts are checked by their
 * stamp alone. An interrupted install resumes with the remaining steps. Throws LayerlineErrors with a hint.
 */
export async function installLlamacpp(options: InstallOptions = {}): Promise<InstalledEngine> {
  const env = options.env ?? process.env
  const onProgress = options.onProgress ?? (() => {})
  const withModel = options.withModel ?? true
  const layout = cacheLayout(cacheFolder(env))
  const pin = platformPin(options.machine ?? thisMachine())
  const step = { layout, env, onProgress }
  await installOnce(
    step,
    () => engineReady(layout, pin) && (!withModel || modelReady(layout)),
    async () => {
      checkDisk(layout.root, NEEDED_BYTES, 'llama.cpp with its model')
      if (!engineReady(layout, pin)) await installEngine(step, pin)
      if (withModel && !modelReady(layout)) await installModel(step)
    },
  )
  return { engineFolder: engineFolder(layout), modelPath: smallModelFile(layout) }
}

/** The checksum of a model: the pinned one for ours, else computed. */
export async function modelSha256(path: string, layout: CacheLayout): Promise<string> {
  return path === smallModelFile(layout) ? MODEL.sha256 : (await fileDigest(path, 'sha256')).toString('hex')
}
