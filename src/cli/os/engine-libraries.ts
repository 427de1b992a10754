import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineName } from '../../engines/engine-names.ts'
import { ENGINES, type EngineInCare } from '../../engines/engines.ts'
import { isLibrary, librariesOfCommand } from '../../sources/os/libraries.ts'

/**
 * The libraries of a managed engine whose functions are probed, before it has loaded them; none if it is not installed.
 */
export function engineLibraries(name: EngineName): string[] {
  const { status, probed }: EngineInCare = ENGINES[name]
  const { folder } = status()
  if ('of' in probed) return librariesOfCommand([join(folder, probed.of)], {})
  return below(join(folder, probed.below), 4).filter((path) => isLibrary(path, probed.library))
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
