import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

/** The floor of a report: DuckDB by itself opens every table of a run and counts its rows. `node FILE FOLDER`. */
async function main(): Promise<void> {
  const [folder = ''] = process.argv.slice(2)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  let rows = 0
  for (const table of readdirSync(folder, { withFileTypes: true })) {
    if (!table.isDirectory()) continue
    const files = join(folder, table.name, '*.parquet').replaceAll("'", "''")
    const reader = await connection.runAndReadAll(`SELECT count(*)::DOUBLE AS n FROM read_parquet('${files}')`)
    rows += Number(reader.getRowObjects()[0]?.n ?? 0)
  }
  process.stdout.write(`${rows}\n`)
}

await main()
