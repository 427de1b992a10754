import { fileURLToPath } from 'node:url'

/**
 * The URL of a file of this package, by its path from the root. This module alone knows where it stands: its source in
 * src/base/, and somewhere in dist/ when it is built, where no module is beside its old neighbours.
 */
export function packageUrl(path: string): URL {
  const here = import.meta.url
  const top = here.endsWith('.ts') ? '/src/' : '/dist/'
  return new URL(path, here.slice(0, here.lastIndexOf(top) + 1))
}

/** The same as a path of the file system. */
export function packageFile(path: string): string {
  return fileURLToPath(packageUrl(path))
}

/**
 * The built file of a program of its own, a thread or a child process, by its source's path without the ending: they
 * need JavaScript even where the caller is a source under the tests' transformer. scripts/build.mjs looks for these words.
 */
export function builtFile(source: string): URL {
  return packageUrl(`dist/${source}.js`)
}
