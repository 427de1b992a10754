import { basename, resolve } from 'node:path'
import { unlessAborted, withinOrThrow } from '../../base/bounded-wait.ts'
import type { Engine, StartOptions } from '../care/engine.ts'
import { cacheFolder, cacheLayout } from '../care/install/cache.ts'
import { MODEL } from '../care/install/small-model.ts'
import { trackEngine } from '../care/process/track-engine.ts'
import { checkGguf } from './install/gguf.ts'
import { installLlamacpp, modelSha256 } from './install/install.ts'
import { ENGINE } from './install/pins.ts'
import { defaultThreads, type ServerArguments, serverArgv } from './serving/server-arguments.ts'
import { notReady, spawnServer, whenReady } from './serving/server-process.ts'

/** A big model from a slow disk takes minutes. */
const START_LIMIT_MS = 30 * 60_000

/**
 * Starts llama.cpp in a process of its own and resolves when its model is loaded; installs it first where needed.
 * `model` is a GGUF file. Throws LayerlineErrors: no such model, port taken, and where the engine fails the last line of its log.
 */
export async function startLlamacpp(options: StartOptions = {}): Promise<Engine> {
  const env = options.env ?? process.env
  const onProgress = options.onProgress ?? (() => {})
  const layout = cacheLayout(cacheFolder(env))
  const ownModel = options.model === undefined ? undefined : resolve(options.model)
  if (ownModel !== undefined) checkGguf(ownModel)
  const installed = await installLlamacpp({ onProgress, withModel: ownModel === undefined, env })
  const modelPath = ownModel ?? installed.modelPath
  const serverArguments: ServerArguments = {
    engineFolder: installed.engineFolder,
    model: modelPath,
    name: ownModel === undefined ? MODEL.name : basename(ownModel).replace(/\.gguf$/i, ''),
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    sequences: options.sequences ?? 4,
    contextTokens: options.contextTokens ?? 4096,
    threads: options.threads ?? defaultThreads(),
    queue: options.queue ?? 256,
    detached: options.detached ?? false,
  }
  const { child, log } = spawnServer(serverArguments, layout, env)
  try {
    const loading = whenReady(child, serverArguments, log, onProgress)
    const ready = await withinOrThrow(
      options.signal === undefined ? loading : unlessAborted(loading, options.signal),
      START_LIMIT_MS,
      () => notReady(serverArguments, log, START_LIMIT_MS),
    )
    // Not read before the engine has loaded it: reading would put it into the page cache, and a cold start would become
    // a warm one.
    const sha256 = await modelSha256(modelPath, layout)
    onProgress({ name: 'ready', done: 1, total: 1, unit: 'ratio', text: `${serverArguments.name} is ready` })
    const { name, host, detached } = serverArguments
    return trackEngine(child, layout, {
      ...{ host, detached, log, modelPath, model: name, ...ready },
      name: ENGINE.name,
      version: `${ENGINE.package} ${ENGINE.version}`,
      modelSha256: sha256,
      arguments: serverArgv({ ...serverArguments, port: ready.port }),
      patienceMs: 5000,
    })
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}
