import { fileURLToPath } from 'node:url'

/**
 * The URL of a file of this package, by its path from the root. Only this module knows its own place: src/base/ as a
 * source, and somewhere in dist/ when it is built, where modules do not keep their old neighbours.
 */
export function packageUrl(path: string): URL {
  const here = import.meta.url
  const top = here.endsWith('.ts') ? '/src/' : '/dist/'
  return new URL(path, here.slice(0, here.lastIndexOf(top) + 1))
}

/** The same as a file system path. */
export function packageFile(path: string): string {
  return fileURLToPath(packageUrl(path))
}

/**
 * The built file of a program that runs as a thread or child process, by its source's path without the ending. Such
 * programs need JavaScript even if the caller is a source under the tests' transformer. scripts/build.mjs looks for
 * calls of this name.
 */
export function builtFile(source: string): URL {
  return packageUrl(`dist/${source}.js`)
}
