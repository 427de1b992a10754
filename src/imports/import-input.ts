import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { errorCode, errorText, LayerlineError } from '../base/errors.ts'

/** The path that is imported, and the files it names. */
export class ImportInput {
  readonly given: string
  readonly root: string
  readonly isFile: boolean
  private known: { csv: string[]; json: string[] } | null = null

  constructor(given: string) {
    this.given = given
    this.root = resolve(given)
    this.isFile = statSync(given, { throwIfNoEntry: false })?.isFile() === true
  }

  /**
   * The files to read, by kind; a single file counts as either. Throws `input/import-missing` where there is no such path, or a
   * folder with neither.
   */
  files(): { readonly csv: readonly string[]; readonly json: readonly string[] } {
    this.known ??= filesOf(this.given, this.root)
    return this.known
  }
}

function filesOf(given: string, path: string): { csv: string[]; json: string[] } {
  try {
    if (!statSync(path).isDirectory()) return { csv: [path], json: [path] }
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT'
    throw new LayerlineError('input/import-missing', `${given}: ${missing ? 'no such file' : errorText(error)}`, {
      cause: error,
    })
  }
  const named = (pattern: RegExp) =>
    readdirSync(path)
      .filter((name) => pattern.test(name))
      .sort(byNumber)
      .map((name) => join(path, name))
  const csv = named(/\.csv$/i)
  const json = named(/\.json(\.gz|\.zst)?$/i)
  if (csv.length + json.length === 0) {
    throw new LayerlineError('input/import-missing', `${given}: no CSV or JSON files in this folder`)
  }
  return { csv, json }
}

/** rank2 before rank10. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
