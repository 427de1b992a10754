import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { LayerlineError } from '../../base/errors.ts'
import type { CacheLayout } from '../care/install/cache.ts'
import { folderBytes, hasStamp, writeStamp } from '../care/install/checked-file.ts'
import { checkDisk, freeBytes } from '../care/install/disk.ts'
import { pythonCommand } from '../care/install/python.ts'
import type { InstallStep } from '../care/progress.ts'
import { runTool } from '../care/tool.ts'
import { type Build, neededBytes, type PipStep, PYTHON, VLLM } from './pins.ts'

const COMPLETE = '.layerline-complete'
const SIZE = '.layerline-bytes'

/** The Python environment of a build; it is made in place, because environments cannot be moved. */
export function environmentFolder(layout: CacheLayout, build: Build): string {
  return join(layout.engines, `${VLLM.name}-${VLLM.version}-${build.kind}`)
}

export function environmentPython(folder: string): string {
  return join(folder, 'bin', 'python')
}

/** Whether exactly the pinned packages were installed, and the Python below them is still there. */
export function environmentReady(layout: CacheLayout, build: Build): boolean {
  const folder = environmentFolder(layout, build)
  return hasStamp(join(folder, COMPLETE), JSON.stringify(build.steps)) && existsSync(environmentPython(folder))
}

/** Size of a complete environment as it was installed, 0 for none: counting its files anew takes seconds. */
export function environmentBytes(layout: CacheLayout, build: Build): number {
  const file = join(environmentFolder(layout, build), SIZE)
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
}

/** Python's environment from Layerline: the user's own Python settings do not reach into it. */
export function pythonEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PYTHONPATH: _path, PYTHONHOME: _home, VIRTUAL_ENV: _active, ...rest } = env
  return { ...rest, PYTHONNOUSERSITE: '1', PYTHONSAFEPATH: '1' }
}

/** Makes the environment; steps that an interrupted install has finished are kept. */
export async function installEnvironment(step: InstallStep, build: Build): Promise<void> {
  const { layout } = step
  const folder = environmentFolder(layout, build)
  const stamp = (name: string) => join(folder, `.layerline-${name}`)
  const usable = existsSync(environmentPython(folder)) && hasStamp(stamp('venv'), VLLM.version)
  if (!usable) {
    checkDisk(layout.root, neededBytes(build), `vLLM (${build.kind})`)
    const python = await pythonCommand(step.env, PYTHON)
    rmSync(folder, { recursive: true, force: true })
    step.onProgress({ name: 'venv', done: 0, total: 0, unit: '', text: 'making a Python environment for vLLM' })
    await runTool(python, ['-m', 'venv', folder], { cwd: layout.staging, env: pythonEnvironment(step.env) })
    writeStamp(stamp('venv'), VLLM.version)
  }
  for (const pip of build.steps) {
    const content = JSON.stringify(pip.requirements)
    if (hasStamp(stamp(pip.name), content)) continue
    removeHalfInstalled(folder)
    await installPackages(step, folder, pip)
    writeStamp(stamp(pip.name), content)
  }
  if (build.unwanted.length > 0) await runPip(step, folder, ['uninstall', '-y', ...build.unwanted])
  await checkEnvironment(step, folder)
  writeStamp(join(folder, SIZE), String(folderBytes(folder)))
  writeStamp(join(folder, COMPLETE), JSON.stringify(build.steps))
}

/** pip writes INSTALLER last: a package without it was cut off, yet pip would take it for installed. Exported for its test. */
export function removeHalfInstalled(folder: string): void {
  const lib = join(folder, 'lib')
  for (const python of existsSync(lib) ? readdirSync(lib) : []) {
    const packages = join(lib, python, 'site-packages')
    for (const name of existsSync(packages) ? readdirSync(packages) : []) {
      const half = name.endsWith('.dist-info') && !existsSync(join(packages, name, 'INSTALLER'))
      // pip renames what it is about to replace to ~name.
      if (half || name.startsWith('~')) rmSync(join(packages, name), { recursive: true, force: true })
    }
  }
}

async function installPackages(step: InstallStep, folder: string, pip: PipStep): Promise<void> {
  const { layout, onProgress } = step
  const before = freeBytes(layout.root)
  let doing = ''
  const report = (done: number) =>
    onProgress({ name: pip.name, done, total: pip.bytes, unit: 'bytes', text: `${pip.text}${doing}` })
  report(0)
  try {
    await runPip(step, folder, ['install', '--progress-bar', 'off', ...pip.requirements], {
      onLine(line) {
        const [, verb, what] = /^\s*(Collecting|Downloading|Installing|Building)\s+(\S+)/.exec(line) ?? []
        if (verb !== undefined) doing = `: ${verb.toLowerCase()} ${verb === 'Installing' ? '…' : what}`
      },
      // Changes on the disk since then are not seen: counting a hundred thousand files would cost too much.
      onTick: () => report(Math.min(pip.bytes * 0.99, Math.max(0, before - freeBytes(layout.root)))),
    })
  } catch (error) {
    throw noCpuTorch(error)
  }
  report(pip.bytes)
}

/** The CPU wheels of PyTorch are not in every index that pip asks. */
function noCpuTorch(error: unknown): unknown {
  if (!(error instanceof LayerlineError) || !/No matching distribution found for torch==\S*\+cpu/.test(error.message))
    return error
  return new LayerlineError('missing/torch', `pip finds no PyTorch for CPU: ${error.message}`, {
    hint: "Add the index of PyTorch's CPU wheels to pip's settings (PIP_EXTRA_INDEX_URL; https://pytorch.org/get-started names it) and run the command again.",
    cause: error,
  })
}

async function runPip(
  step: InstallStep,
  folder: string,
  args: readonly string[],
  watch: { onLine?: (line: string) => void; onTick?: () => void } = {},
): Promise<void> {
  // pip unpacks where TMPDIR says: on the disk that was checked for room, not on a small /tmp.
  const scratch = join(step.layout.staging, 'pip')
  rmSync(scratch, { recursive: true, force: true })
  writeStamp(join(scratch, '.keep'), '')
  try {
    await runTool(environmentPython(folder), ['-m', 'pip', ...args], {
      cwd: scratch,
      env: {
        ...pythonEnvironment(step.env),
        TMPDIR: scratch,
        PIP_DISABLE_PIP_VERSION_CHECK: '1',
        PIP_RESUME_RETRIES: '5',
      },
      ...watch,
    })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The installed packages must load; otherwise nothing of them is kept. */
async function checkEnvironment(step: InstallStep, folder: string): Promise<void> {
  step.onProgress({ name: 'check', done: 0, total: 0, unit: '', text: 'trying vLLM' })
  try {
    await runTool(environmentPython(folder), ['-c', 'import vllm.engine.arg_utils, transformers, gguf, accelerate'], {
      cwd: step.layout.staging,
      env: pythonEnvironment(step.env),
    })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}
