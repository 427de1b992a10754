import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { beforeEach, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { LiveDatabase } from './live-database.ts'

/** No multiple of a vector's 2,048 rows: what DuckDB keeps something for. */
const ROWS = 3000

let database: LiveDatabase
let copies: string
let filled: number
beforeEach(async () => {
  const folder = tempFolder()
  copies = join(folder, 'copies')
  filled = 0
  database = await LiveDatabase.open(join(folder, 'live.duckdb'), { copiesIn: copies, reopenRows: 1_000_000 })
})

async function fill(commits: number): Promise<void> {
  const columns = {
    request_id: new Uint32Array(ROWS),
    index: new Uint32Array(ROWS),
    t_ns: new Float64Array(ROWS),
    late_ns: new Float64Array(ROWS),
    tokens: new Uint32Array(ROWS).fill(1),
    bytes: new Uint32Array(ROWS).fill(200),
    kind: new Uint8Array(ROWS),
    coalesced: new Uint8Array(ROWS),
  }
  for (let n = 0; n < commits; n++) {
    for (let i = 0; i < ROWS; i++) columns.index[i] = filled++
    await database.append('chunks', columns, ROWS)
    await database.commit()
  }
}

async function number(connection: DuckDBConnection, sql: string): Promise<number> {
  const result = await connection.runAndReadAll(sql)
  return Number(result.getRows()[0]?.[0])
}

/** Something on a connection of its own to the open file. */
async function beside<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const { instance } = database as unknown as { instance: DuckDBInstance }
  const connection = await instance.connect()
  try {
    return await work(connection)
  } finally {
    connection.closeSync()
  }
}

/** What the database holds of its file's blocks in memory, its cache among them, MB. */
function heldMb(): Promise<number> {
  return beside((connection) =>
    number(connection, `SELECT memory_usage_bytes / 1e6 FROM duckdb_memory() WHERE tag = 'BASE_TABLE'`),
  )
}

it('is opened anew before what it keeps of its commits grows large, and loses nothing', async () => {
  await fill(Math.ceil(1_000_000 / ROWS) - 1)
  expect(await heldMb()).toBeGreaterThan(1)
  await fill(1)
  // A file that stays open holds 2 MB per million rows, plus its cache.
  expect(await heldMb()).toBeLessThan(1)
  await fill(10)
  await beside(async (connection) => {
    expect(await number(connection, 'SELECT count(*) FROM live_chunks')).toBe(database.rows.chunks)
    await expect(connection.run('SET threads = 2')).rejects.toThrow(/locked/)
  })
  await database.close()
})

it('copies the rows it is asked for, as they came, also from before it was opened anew; and nowhere else', async () => {
  await fill(Math.ceil(1_000_000 / ROWS) + 2)
  const rows = database.rows.chunks ?? 0
  mkdirSync(copies)
  const files = []
  for (const [from, to] of [
    [0, 70_000],
    [70_000, 999_999],
    [999_999, rows],
  ] as const) {
    files.push(join(copies, `${from}.parquet`))
    await database.copyRows('chunks', from, to, files.at(-1) as string)
  }
  await expect(database.copyRows('chunks', 0, 1, join(copies, '..', 'x.parquet'))).rejects.toThrow(/Permission/)
  // A failed copy leaves the recording as it is.
  await fill(1)
  await database.close()
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const read = `read_parquet([${files.map((file) => `'${file}'`).join(', ')}])`
  expect(await number(connection, `SELECT count(*) FROM ${read}`)).toBe(rows)
  expect(await number(connection, `SELECT sum("index") FROM ${read}`)).toBe((rows * (rows - 1)) / 2)
  expect(await number(connection, `SELECT count(*) FROM '${files[0]}' WHERE "index" < 70000`)).toBe(70_000)
})
