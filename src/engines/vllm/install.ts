import type { InstalledEngine } from '../care/engine.ts'
import { cacheFolder, cacheLayout } from '../care/install/cache.ts'
import { installOnce } from '../care/install/install-once.ts'
import type { OnProgress } from '../care/progress.ts'
import { environmentFolder, environmentReady, installEnvironment } from './environment.ts'
import { type PreparedKind, preparedFolder, preparedReady, prepareModel } from './models.ts'
import { type Build, chooseBuild } from './pins.ts'

export interface InstallVllmOptions {
  onProgress?: OnProgress
  /** The model to prepare beside; null where the user brings one. */
  model?: PreparedKind | null
  env?: NodeJS.ProcessEnv
  build?: Build
}

/**
 * Makes sure that vLLM and a prepared model are in the cache, and returns where. Installed parts are checked by their
 * stamp alone; an interrupted install resumes with the remaining steps. Throws LayerlineErrors with a hint.
 */
export async function installVllm(options: InstallVllmOptions = {}): Promise<InstalledEngine> {
  const env = options.env ?? process.env
  const onProgress = options.onProgress ?? (() => {})
  const model = options.model === undefined ? 'small' : options.model
  const layout = cacheLayout(cacheFolder(env))
  const build = options.build ?? chooseBuild()
  const step = { layout, env, onProgress }
  const engineFolder = environmentFolder(layout, build)
  const modelIsReady = () => model === null || preparedReady(layout, model)
  await installOnce(
    step,
    () => environmentReady(layout, build) && modelIsReady(),
    async () => {
      if (!environmentReady(layout, build)) await installEnvironment(step, build)
      if (model !== null && !modelIsReady()) await prepareModel(step, engineFolder, model)
    },
  )
  return { engineFolder, modelPath: preparedFolder(layout, model ?? 'small') }
}
