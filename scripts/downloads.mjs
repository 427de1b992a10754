// What tests fetch on first use and is not here yet, with about what it takes on the disk.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Environments of Python that heavy tests make (test/support/python-packages.ts), with MB on the disk. */
const ENVIRONMENTS = {
  'openai-3.54.0': 71,
  'perfetto-0.59.1': 31,
  'hta-0.5.0': 286,
  'nvidia-cuda-runtime-cu12-12.9.79': 35,
}

/** Lines for what these kinds of tests need and the cache folder lacks; the program must be built. */
export async function missingDownloads(kinds) {
  const { cacheFolder, cacheLayout } = await import('../dist/src/engines/care/install/cache.js')
  const layout = cacheLayout(cacheFolder())
  const needed = [...(await coreDownloads(layout)), ...(kinds.includes('full') ? await fullDownloads(layout) : [])]
  const lines = needed.filter(({ here }) => !here).map(({ what, mb }) => `${what}, ${mb} MB`)
  return { lines, folder: layout.root }
}

async function coreDownloads(layout) {
  const { engineReady } = await import('../dist/src/engines/llamacpp/install/install-engine.js')
  const { platformPin, thisMachine } = await import('../dist/src/engines/llamacpp/install/pins.js')
  const { MODEL, modelReady } = await import('../dist/src/engines/care/install/small-model.js')
  return [
    { what: 'llama.cpp, by npm', mb: 85, here: whereThereIsOne(() => engineReady(layout, platformPin(thisMachine()))) },
    { what: `${MODEL.file}, by pip`, mb: 94, here: modelReady(layout) },
  ]
}

async function fullDownloads(layout) {
  const { environmentReady } = await import('../dist/src/engines/vllm/environment.js')
  const { chooseBuild, VLLM } = await import('../dist/src/engines/vllm/pins.js')
  return [
    {
      what: `vLLM ${VLLM.version} with PyTorch, by pip, and two small models made from the one above`,
      mb: 3750,
      here: whereThereIsOne(() => environmentReady(layout, chooseBuild())),
    },
    ...Object.entries(ENVIRONMENTS).map(([name, mb]) => ({
      what: `${name}, by pip`,
      mb,
      here: existsSync(join(layout.root, 'test', name, 'complete')),
    })),
  ]
}

/** Nothing is fetched where there is no build for this machine. */
function whereThereIsOne(ready) {
  try {
    return ready()
  } catch {
    return true
  }
}
