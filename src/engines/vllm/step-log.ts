import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { packageFile } from '../../base/package-files.ts'
import { type CacheLayout, makeFolder } from '../care/install/cache.ts'
import { hasStamp, writeStamp } from '../care/install/checked-file.ts'
import { runTool } from '../care/tool.ts'
import { environmentPython, pythonEnvironment } from './environment.ts'
import { VLLM } from './pins.ts'

const PACKAGE = packageFile('python/layerline_vllm')

/**
 * Installs Layerline's plugin, which logs the scheduler's steps, into an environment of vLLM; does nothing if this
 * version is installed.
 */
export async function installStepLog(layout: CacheLayout, engineFolder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const stamp = join(engineFolder, '.layerline-step-log')
  const content = sourcesSha256()
  if (hasStamp(stamp, content)) return
  // pip builds where the sources lie: in a copy.
  const copy = join(layout.staging, `step-log-${process.pid}`)
  rmSync(copy, { recursive: true, force: true })
  makeFolder(layout.staging)
  cpSync(PACKAGE, copy, { recursive: true, filter: (path) => !/__pycache__|[/\\]tests$/.test(path) })
  try {
    const args = ['install', '--no-deps', '--no-build-isolation', '--no-index', '--force-reinstall', '--quiet', copy]
    await runTool(environmentPython(engineFolder), ['-m', 'pip', ...args], {
      cwd: layout.staging,
      env: { ...pythonEnvironment(env), PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    })
    writeStamp(stamp, content)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** An empty folder for the logs of the engine on a port; its cores write `steps-<pid>.jsonl` into it. */
export function stepLogFolder(layout: CacheLayout, port: number): string {
  const folder = join(layout.root, 'steps', `${VLLM.name}-${port}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

function sourcesSha256(): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(PACKAGE, { recursive: true, encoding: 'utf8' }).sort()) {
    if (/\.(py|toml)$/.test(name)) hash.update(name).update(readFileSync(join(PACKAGE, name)))
  }
  return hash.digest('hex')
}
