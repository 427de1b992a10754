import { existsSync } from 'node:fs'
import { packageFile } from '../../../base/package-files.ts'
import { cacheFolder, cacheLayout } from '../../../engines/care/install/cache.ts'
import { pythonCommand } from '../../../engines/care/install/python.ts'
import type { OnProgress } from '../../../engines/care/progress.ts'
import {
  environmentFolder,
  environmentPython,
  environmentReady,
  pythonEnvironment,
} from '../../../engines/vllm/environment.ts'
import { installVllm } from '../../../engines/vllm/install.ts'
import { chooseBuild } from '../../../engines/vllm/pins.ts'
import { runWorker } from './worker-process.ts'

/** The Python that runs the workers. */
export interface KernelPython {
  readonly command: string
  /** With the workers' package on its path, and nothing of the user's own Python settings. */
  readonly env: NodeJS.ProcessEnv
}

const PACKAGE = packageFile('python/layerline_kernels')

/** For tracing: the one that was named, else that of the managed vLLM, which is installed on first use. */
export async function tracingPython(
  given: string | undefined,
  onProgress: OnProgress,
  env: NodeJS.ProcessEnv = process.env,
): Promise<KernelPython> {
  if (given !== undefined) return withPackage(given, env)
  const { engineFolder } = await installVllm({ onProgress, model: null, env })
  return withPackage(environmentPython(engineFolder), env)
}

/** For listing, which imports no PyTorch: the same if it exists, else any. */
export async function listingPython(
  given: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<KernelPython> {
  if (given !== undefined) return withPackage(given, env)
  const layout = cacheLayout(cacheFolder(env))
  try {
    const build = chooseBuild()
    if (environmentReady(layout, build)) return withPackage(environmentPython(environmentFolder(layout, build)), env)
  } catch {
    // No vLLM for this machine: the list is the same.
  }
  return withPackage(await pythonCommand(env), env)
}

/** What `auto` means here: PyTorch is asked only where there is a driver to ask for. */
export async function deviceOf(asked: string, python: KernelPython): Promise<string> {
  if (asked !== 'auto') return asked
  if (!existsSync('/dev/nvidiactl') && !existsSync('/dev/dxg') && !existsSync('/dev/kfd')) return 'cpu'
  const end = await runWorker({
    command: python.command,
    args: ['-c', 'import torch; print("gpu" if torch.cuda.is_available() else "none")'],
    env: python.env,
    log: null,
    timeoutMs: 120_000,
    inactivityMs: null,
  })
  return /^gpu$/m.test(end.stdout) ? 'cuda' : 'cpu'
}

function withPackage(command: string, env: NodeJS.ProcessEnv): KernelPython {
  return {
    command,
    env: { ...pythonEnvironment(env), PYTHONPATH: PACKAGE, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' },
  }
}
