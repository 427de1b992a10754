import { existsSync } from 'node:fs'
import type { EngineStatus } from '../care/engine.ts'
import { cacheFolder, cacheLayout } from '../care/install/cache.ts'
import { fileBytes, folderBytes } from '../care/install/checked-file.ts'
import { MODEL, modelReady, smallModelFile } from '../care/install/small-model.ts'
import { enginesNamed } from '../care/process/running-engines.ts'
import { engineFolder, engineReady } from './install/install-engine.ts'
import { ENGINE, platformPin, thisMachine } from './install/pins.ts'

/** What of llama.cpp is installed, how big it is, and what runs. */
export function llamacppStatus(env: NodeJS.ProcessEnv = process.env): EngineStatus {
  const layout = cacheLayout(cacheFolder(env))
  let installed = false
  let unsupported: string | undefined
  try {
    installed = engineReady(layout, platformPin(thisMachine()))
  } catch (error) {
    unsupported = error instanceof Error ? error.message : String(error)
  }
  const folder = engineFolder(layout)
  const path = smallModelFile(layout)
  return {
    name: ENGINE.name,
    version: ENGINE.version,
    unsupported,
    installed,
    folder,
    engineBytes: existsSync(folder) ? folderBytes(folder) : 0,
    model: {
      name: MODEL.name,
      installed: modelReady(layout),
      path,
      bytes: fileBytes(path),
      sha256: MODEL.sha256,
    },
    running: enginesNamed(ENGINE.name, layout),
  }
}
