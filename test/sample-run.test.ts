import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { analyseRun } from '../src/analysis/analyse-run.ts'
import { openRun } from '../src/store/read/open-run.ts'
import { TABLES } from '../src/trace/tables.ts'
import { tempFolder } from './support/temp-folder.ts'

/** How far the engine's own counters grew while the sample was recorded. */
const COUNTED_BY_THE_ENGINE = { requests: 7, input: 283, output: 393 }

test('a run of format version 1 stays readable', async () => {
  const folder = join(tempFolder(), 'run')
  cpSync(new URL('../samples/run-v1', import.meta.url).pathname, folder, { recursive: true })
  const run = await openRun(folder)
  try {
    expect(run.run.format.major).toBe(1)
    expect(run.run.state).toBe('sealed')
    const [sums] = await run.query(
      "SELECT count(*) AS requests, sum(input_tokens) AS input, sum(output_tokens) AS output FROM requests WHERE status = 'ok'",
    )
    expect(sums).toEqual(COUNTED_BY_THE_ENGINE)
    const [tokens] = await run.query('SELECT sum(tokens) AS tokens FROM chunks')
    expect(tokens).toEqual({ tokens: COUNTED_BY_THE_ENGINE.output })
    for (const [table, { columns }] of Object.entries(TABLES)) {
      const described = await run.query(`DESCRIBE ${table}`)
      expect(described.map(({ column_name }) => column_name)).toEqual(Object.keys(columns))
    }
    const report = await analyseRun(run)
    expect(report.offered).toMatchObject({ requests: 6 })
    expect(report.verdict.length).toBeGreaterThan(0)
  } finally {
    await run.close()
  }
})
