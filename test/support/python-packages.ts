import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder } from '../../src/engines/care/install/cache.ts'

const run = promisify(execFile)

/** Why a package cannot be installed here, or undefined. */
export async function whyNoPip(): Promise<string | undefined> {
  try {
    await run('python3', ['-c', 'import sys; assert sys.version_info >= (3, 10); import ensurepip, venv'])
    return undefined
  } catch {
    return 'python3 >= 3.10 with pip and venv is not here: sudo scripts/setup-system'
  }
}

/** The python of an environment with one package, kept in the cache folder; made once. */
export async function pythonWith(requirement: string): Promise<string> {
  return pythonOf(requirement.replace('==', '-'), [[requirement]])
}

/**
 * The python of Holistic Trace Analysis. Its own requirements bring all of Jupyter along, which the analyses do not use;
 * these are what they do.
 */
export async function pythonWithHta(): Promise<string> {
  return pythonOf('hta-0.5.0', [
    ['--no-deps', 'holistictraceanalysis==0.5.0'],
    ['pandas==2.3.3', 'numpy==2.4.6', 'networkx==3.6.1', 'plotly', 'psutil', 'pyyaml'],
  ])
}

/** The python of the LiteLLM proxy, of wheels alone: 680 MB. */
export async function pythonWithLitellm(): Promise<string> {
  return pythonOf('litellm-1.99.4', [['--only-binary', ':all:', 'litellm[proxy]==1.99.4']])
}

/** An environment of this name, made by one call of pip for each list of arguments. */
async function pythonOf(name: string, installs: readonly (readonly string[])[]): Promise<string> {
  const folder = join(cacheFolder(), 'test', name)
  const python = join(folder, 'bin', 'python')
  if (existsSync(join(folder, 'complete'))) return python
  // Made beside and renamed: another test process may be making the same one. A venv may be moved as long as only its python is run.
  const making = `${folder}.${process.pid}`
  try {
    mkdirSync(making, { recursive: true })
    await run('python3', ['-m', 'venv', making])
    for (const args of installs) {
      await run(join(making, 'bin', 'python'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...args], {
        maxBuffer: 1 << 26,
      })
    }
    mkdirSync(join(making, 'complete'))
    if (!existsSync(folder)) renameSync(making, folder)
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
  return python
}
