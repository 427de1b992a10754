import { literal } from './live-schema.ts'

/** A path as DuckDB's file functions take it: `*`, `?` and `[` of a folder's name mean themselves. */
export function globEscape(path: string): string {
  return path.replace(/[*?[]/g, '[$&]')
}

/**
 * The rows of Parquet files, as SQL. Column names that a folder's name seems to hold (`model=llama`) are not taken from it: they
 * would replace the file's own. `pattern` is a glob within the folder of each path, if that path is a folder.
 */
export function readParquet(paths: readonly string[], pattern = ''): string {
  const files = paths.map((path) => literal(`${globEscape(path)}${pattern}`)).join(', ')
  return `read_parquet([${files}], union_by_name = true, hive_partitioning = false)`
}

/** Lets a connection read these files, or what lies in these folders, and nothing else from here on. */
export function lockedTo(what: 'allowed_paths' | 'allowed_directories', paths: readonly string[]): string[] {
  // DuckDB compares these with the requested path, before and after it has looked for files.
  const spellings = new Set(paths.flatMap((path) => [path, globEscape(path)]))
  return [
    `SET ${what} = [${[...spellings].map(literal).join(', ')}]`,
    'SET enable_external_access = false',
    'SET lock_configuration = true',
  ]
}
