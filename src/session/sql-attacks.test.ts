import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { openRun } from '../store/read/open-run.ts'
import type { StreamingReader } from '../store/read/run-reader.ts'
import { Recording } from './recording.ts'

/** Statements that must neither run nor change a byte of the run. */
function attacks(folder: string): string[] {
  const part = join(folder, 'clocks', 'part-0-0.parquet')
  const outside = join(folder, 'stolen.csv')
  return [
    `COPY (SELECT 1) TO '${part}'`,
    `COPY clocks TO '${part}' (FORMAT parquet)`,
    `EXPLAIN ANALYZE COPY (SELECT 1) TO '${part}'`,
    `EXPLAIN COPY (SELECT 1) TO '${part}'`,
    'EXPLAIN SELECT 1',
    `SELECT 1; COPY (SELECT 1) TO '${part}'`,
    'SELECT 1; SELECT 2',
    '',
    ';',
    '-- nothing',
    `ATTACH '${join(folder, 'x.duckdb')}' AS x`,
    `ATTACH '${part}' AS x`,
    'PRAGMA enable_external_access=true',
    'PRAGMA database_list',
    'SET enable_external_access = true',
    'RESET lock_configuration',
    "SET allowed_paths = ['/etc/passwd']",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM glob('/etc/*')",
    `SELECT * FROM read_blob('${join(folder, 'run.json')}')`,
    "SELECT * FROM query('COPY (SELECT 1) TO ''/tmp/x''')",
    `COPY (SELECT 1) TO '${outside}'`,
    `EXPORT DATABASE '${outside}'`,
    'INSTALL httpfs',
    'LOAD httpfs',
    "LOAD '/tmp/evil.duckdb_extension'",
    'DROP VIEW clocks',
    'DELETE FROM clocks',
    'DELETE FROM live_clocks',
    "INSERT INTO live_clocks VALUES ('x', 0, 0, 0, 0, 'x')",
    'CREATE TABLE t AS SELECT 1',
    'CREATE OR REPLACE VIEW clocks AS SELECT 1',
    'CHECKPOINT',
    'BEGIN',
    'COMMIT',
    'VACUUM',
    'CALL pragma_version()',
    'PREPARE p AS SELECT 1',
    `FROM enable_logging('QueryLog', storage='file', storage_path='${outside}')`,
    'FROM "enable_logging" /* */ (\'QueryLog\')',
    'FROM checkpoint()',
    'FROM truncate_duckdb_logs()',
    "SELECT write_log('x')",
  ]
}

async function refusesAll(run: StreamingReader): Promise<void> {
  for (const sql of attacks(run.folder)) {
    const answer = await run.query(sql).then(
      (rows) => ({ ran: JSON.stringify(rows) }),
      (error: unknown) => error,
    )
    expect(answer, sql).toMatchObject({ code: 'usage/sql', exitCode: 2 })
  }
  expect(await run.query('SELECT count(*) > 0 AS there FROM clocks')).toEqual([{ there: true }])
  expect(existsSync(join(run.folder, 'stolen.csv'))).toBe(false)
}

function fingerprint(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map(
      (name) =>
        `${name} ${createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex')}`,
    )
    .sort()
}

test('no statement gets past the lock of a sealed run', async () => {
  const out = join(tempFolder(), 'run')
  await (await start(out)).finish()
  const before = fingerprint(out)
  const run = await openRun(out)
  await refusesAll(run)
  await run.close()
  expect(fingerprint(out)).toEqual(before)
})

test('no statement gets past the lock of a live run', async () => {
  const out = join(tempFolder(), 'run')
  const recording = await start(out)
  await recording.store.commit()
  const run = await openRun(out)
  await refusesAll(run)
  expect(statSync(join(out, 'recorder-0.sock')).mode & 0o777).toBe(0o600)
  await recording.finish()
})

test('what reads is allowed', async () => {
  const out = join(tempFolder(), 'run')
  await (await start(out)).finish()
  const run = await openRun(out)
  for (const sql of [
    'SELECT 1',
    'FROM clocks',
    'WITH a AS (SELECT 1 AS x) SELECT * FROM a',
    'VALUES (1), (2)',
    'SELECT 1;',
    '/* c */ SELECT 1 -- d',
    'TABLE clocks',
  ]) {
    expect((await run.query(sql)).length, sql).toBeGreaterThan(0)
  }
  await run.close()
})

function start(out: string): Promise<Recording> {
  return Recording.start(
    { command: 'test', out, config: {}, sampling: {}, seed: 7, hosts: [], engine: null },
    (error) => expect.unreachable(error.message),
  )
}
