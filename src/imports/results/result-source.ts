import { LayerlineError } from '../../base/errors.ts'
import type { ImportOptions, ResultReader } from '../import-format.ts'
import type { ImportInput } from '../import-input.ts'
import type { ImportSource } from '../import-source.ts'
import { readersOf } from '../registry.ts'
import { headOf, ResultFile } from './result-file.ts'
import { UNREAD_RESULTS } from './unread-results.ts'

/**
 * A load tool's result file; null where the path is none that we know. Reading it throws `input/import-version` for a file of
 * another version than is read; a tool's file that is known and not read throws `input/import-format` here.
 */
export async function resultSource(
  { isFile, root: path }: ImportInput,
  { strict }: ImportOptions,
): Promise<ImportSource | null> {
  if (!isFile) return null
  const head = headOf(path)
  if (!head.startsWith('{')) return null
  const known = (await readersOf('result')).find(([, { detect }]) => detect(head))
  if (known === undefined) {
    const unread = UNREAD_RESULTS.find(({ detect }) => detect(head))
    if (unread === undefined) return null
    throw new LayerlineError('input/import-format', `${path}: the file is ${unread.what}`, { hint: unread.hint })
  }
  const [id, format] = known
  return {
    format: id,
    config: { files: [path] },
    async read(run) {
      try {
        await format.read(new ResultFile(path, head, format.reads, strict), run)
        return [path]
      } catch (error) {
        throw versionError(error, path, format, head)
      }
    },
  }
}

/** A file that does not fit, and says that another version wrote it, is refused for that. */
function versionError(error: unknown, path: string, format: ResultReader, head: string): unknown {
  const version = format.version?.(head) ?? null
  if (version === null || !(error instanceof LayerlineError) || error.code !== 'input/import-value') return error
  return new LayerlineError(
    'input/import-version',
    `${path}: written by ${version}; read are the files of ${format.reads} (${error.message.slice(path.length)})`,
    { hint: `run it with ${format.reads}, or record with layerline load`, cause: error },
  )
}
