import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { LayerlineError } from '../base/errors.ts'
import { ident, literal } from '../store/live-schema.ts'
import { TABLES, type TableName } from '../trace/tables.ts'
import type { ExportedFile } from './export-options.ts'
import { outFolder } from './out-file.ts'
import { openSealedRun } from './sealed-run.ts'

/** One `OUT/<table>.parquet` a table, every table, with the strings joined in: for tools that read one file. */
export async function writeTables(folder: string, out: string): Promise<ExportedFile[]> {
  const run = await openSealedRun(folder)
  try {
    if (existsSync(out))
      throw new LayerlineError('input/out-exists', `--out ${out}: exists already; expected a folder to be made`)
    outFolder(out)
    const written: ExportedFile[] = []
    for (const table of Object.keys(TABLES) as TableName[]) {
      const file = join(resolve(out), `${table}.parquet`)
      const select = table === 'slices' ? 'named_slices' : table
      await run.connection.run(`COPY (FROM ${ident(select)}) TO ${literal(file)} (FORMAT parquet, COMPRESSION zstd)`)
      const [counted] = await run.rows(`SELECT count(*)::DOUBLE AS n FROM ${ident(table)}`)
      written.push({ path: `${out}/${table}.parquet`, rows: Number(counted?.n ?? 0), what: 'rows' })
    }
    return written
  } finally {
    run.close()
  }
}
