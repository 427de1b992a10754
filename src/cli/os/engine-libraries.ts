import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ENGINES, type EngineName } from '../../engines/engines.ts'
import { isLibrary, librariesOfCommand } from '../../sources/os/libraries.ts'

/**
 * The libraries of a managed engine whose functions are probed, before it has loaded them; none if it is not installed.
 */
export function engineLibraries(name: EngineName): string[] {
  const { folder } = ENGINES[name].status()
  if (name === 'vllm') return librariesOfCommand([join(folder, 'bin', 'python')], {})
  return below(join(folder, 'node_modules', '@node-llama-cpp'), 4).filter((path) => isLibrary(path, 'libllama.so'))
}

function below(folder: string, depth: number): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? (depth > 0 ? below(path, depth - 1) : []) : [path]
    })
  } catch {
    return []
  }
}
