import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { namesOrNone } from '../host/proc/cgroup.ts'
import { definedSymbols } from './elf.ts'
import type { FoundLibrary } from './script/compose.ts'
import type { ProbeFile } from './script/probe-file.ts'

/** Whether a file is the library of that name: `libllama.so` is also `libllama.v0.5.0.so`, but not `libllama-common.so`. */
export function isLibrary(path: string, name: string): boolean {
  const stem = name.replace(/\.so$/, '')
  const file = basename(path)
  return (
    file === name ||
    (file.startsWith(`${stem}.`) && /\.so(\.[\d.]+)?$/.test(file)) ||
    new RegExp(`^${stem}-[0-9a-f]{8}\\.so`).test(file)
  )
}

/** Which of the paths a probe file asks for, with those of its symbols that they have. */
export function librariesFor(file: ProbeFile, paths: readonly string[]): FoundLibrary[] {
  return file.libraries.flatMap(({ name, symbols }) =>
    paths
      .filter((path) => isLibrary(path, name))
      .map((path) => ({ name, path, symbols: definedSymbols(path, symbols) }))
      .filter((found) => found.symbols.length > 0),
  )
}

/**
 * Libraries that a command will load, as far as is known before it runs: those beside the Python that it is, or that
 * its first line names.
 */
export function librariesOfCommand(argv: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const program = programPath(argv[0] ?? '', env)
  if (program === null) return []
  const python = /^python[\d.]*$/.test(basename(program)) ? program : interpreterOf(program)
  return python === null ? [] : [...torchOf(python), ...cudaOf(python)]
}

function programPath(name: string, env: NodeJS.ProcessEnv): string | null {
  if (name.includes('/')) return existsSync(name) ? name : null
  const folder = (env.PATH ?? '').split(':').find((each) => existsSync(join(each, name)))
  return folder === undefined ? null : join(folder, name)
}

/** The Python that a script's first line names. */
function interpreterOf(script: string): string | null {
  try {
    const [line = ''] = readFileSync(script).subarray(0, 256).toString('latin1').split('\n')
    const path = /^#!\s*(\/\S*\/python[\d.]*)\s*$/.exec(line)?.[1]
    return path ?? null
  } catch {
    return null
  }
}

/** Where a Python's packages are: beside its bin folder, and in Debian's own folder. */
function packageFolders(python: string): string[] {
  const lib = join(dirname(dirname(isAbsolute(python) ? python : join(process.cwd(), python))), 'lib')
  return namesOrNone(lib)
    .filter((name) => /^python3[\d.]*$/.test(name))
    .flatMap((name) => [join(lib, name, 'site-packages'), join(lib, name, 'dist-packages')])
}

function torchOf(python: string): string[] {
  return packageFolders(python)
    .map((folder) => join(folder, 'torch', 'lib', 'libtorch_cpu.so'))
    .filter((path) => existsSync(path))
}

function cudaOf(python: string): string[] {
  // `nvidia/cuda_runtime` up to CUDA 12, `nvidia/cu13` since.
  const folders = packageFolders(python).flatMap((folder) =>
    namesOrNone(join(folder, 'nvidia')).map((name) => join(folder, 'nvidia', name, 'lib')),
  )
  return folders.flatMap((lib) =>
    namesOrNone(lib)
      .filter((name) => isLibrary(name, 'libcudart.so'))
      .map((name) => join(lib, name)),
  )
}
