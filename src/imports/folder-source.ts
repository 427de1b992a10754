import type { ImportOptions } from './import-format.ts'
import type { ImportInput } from './import-input.ts'
import type { ImportSource } from './import-source.ts'
import { readersOf } from './registry.ts'

/** The first format that finds files of its own in the path; null where none does. */
export async function folderSource(input: ImportInput, options: ImportOptions): Promise<ImportSource | null> {
  for (const [id, format] of await readersOf('folder')) {
    const found = await format.find(input)
    if (found.length === 0) continue
    const { stacks, args } = options
    return {
      format: id,
      config: { files: found, stacks, args },
      async read(run) {
        const files = await format.read(found, run, options, input)
        run.describe({}, { files })
        return files
      },
    }
  }
  return null
}
