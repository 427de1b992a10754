import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { beforeEach, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { LiveDatabase } from './live-database.ts'

/** No multiple of a vector's 2,048 rows: what DuckDB keeps something for. */
const ROWS = 3000

let database: LiveDatabase
beforeEach(async () => {
  database = await LiveDatabase.open(join(tempFolder(), 'live.duckdb'), { reopenRows: 1_000_000 })
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
    await database.append('chunks', columns, ROWS)
    await database.commit()
  }
}

async function number(connection: DuckDBConnection, sql: string): Promise<number> {
  const result = await connection.runAndReadAll(sql)
  return Number(result.getRows()[0]?.[0])
}

/** What the database holds of its file's blocks in memory, its cache among them, MB. */
async function heldMb(): Promise<number> {
  let mb = Number.NaN
  await database.read(async (connection) => {
    mb = await number(connection, `SELECT memory_usage_bytes / 1e6 FROM duckdb_memory() WHERE tag = 'BASE_TABLE'`)
  })
  return mb
}

it('is opened anew before what it keeps of its commits grows large, and loses nothing', async () => {
  await fill(Math.ceil(1_000_000 / ROWS))
  // 2 MB a million rows are held by a file that stays open, and its cache beside them.
  expect(await heldMb()).toBeLessThan(1)
  await fill(10)
  await database.read(async (connection) => {
    expect(await number(connection, 'SELECT count(*) FROM live_chunks')).toBe(database.rows.chunks)
    await expect(connection.run('SET threads = 2')).rejects.toThrow(/locked/)
  })
  await database.close()
})

it('waits with that for who reads, who see what they began with', async () => {
  await fill(1)
  await database.read(async (connection) => {
    await connection.run('BEGIN TRANSACTION READ ONLY')
    expect(await number(connection, 'SELECT count(*) FROM live_chunks')).toBe(ROWS)
    await fill(Math.ceil(1_000_000 / ROWS) + 10)
    expect(await number(connection, 'SELECT count(*) FROM live_chunks')).toBe(ROWS)
  })
  expect(await heldMb()).toBeGreaterThan(1)
  await fill(1)
  expect(await heldMb()).toBeLessThan(1)
  await database.close()
})

it('lets in who comes meanwhile once it is open again', async () => {
  await fill(Math.floor(1_000_000 / ROWS))
  const last = fill(1)
  const counts = Array.from({ length: 4 }, async () => {
    await database.read(async (connection) => {
      expect(await number(connection, 'SELECT count(*) > 0 FROM live_chunks')).toBe(1)
    })
  })
  await Promise.all([last, ...counts])
  await database.close()
})

it('lets the next reader wait where readers have put it off for long', async () => {
  let second: Promise<void> | undefined
  let secondReads = false
  await database.read(async () => {
    await fill(Math.ceil(2_000_000 / ROWS))
    second = database.read(async () => {
      secondReads = true
    })
    await fill(10)
    expect(secondReads).toBe(false)
  })
  await fill(1)
  await second
  expect(secondReads).toBe(true)
  expect(await heldMb()).toBeLessThan(1)
  await database.close()
})
