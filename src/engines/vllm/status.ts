import { join } from 'node:path'
import type { EngineStatus } from '../care/engine.ts'
import { cacheFolder, cacheLayout } from '../care/install/cache.ts'
import { folderBytes } from '../care/install/checked-file.ts'
import { enginesNamed } from '../care/process/running-engines.ts'
import { environmentBytes, environmentFolder, environmentReady } from './environment.ts'
import { PREPARED, preparedFolder, preparedReady } from './models.ts'
import { type Build, chooseBuild, VLLM } from './pins.ts'

/** What of vLLM is installed, how big it is, and what runs. */
export function vllmStatus(env: NodeJS.ProcessEnv = process.env): EngineStatus {
  const layout = cacheLayout(cacheFolder(env))
  let build: Build | undefined
  let unsupported: string | undefined
  try {
    build = chooseBuild()
  } catch (error) {
    unsupported = error instanceof Error ? error.message : String(error)
  }
  const path = preparedFolder(layout, 'small')
  return {
    name: VLLM.name,
    version: build === undefined ? VLLM.version : `${VLLM.version} (${build.kind})`,
    unsupported,
    installed: build !== undefined && environmentReady(layout, build),
    folder: build === undefined ? join(layout.engines, VLLM.name) : environmentFolder(layout, build),
    engineBytes: build === undefined ? 0 : environmentBytes(layout, build),
    model: {
      name: PREPARED.small.name,
      installed: preparedReady(layout, 'small'),
      path,
      bytes: folderBytes(path),
      sha256: null,
    },
    running: enginesNamed(VLLM.name, layout),
  }
}
