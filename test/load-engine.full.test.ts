import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import { readRunJson } from '../src/store/run-folder.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { useRealEngine } from './support/real-engine.ts'
import { tempFolder } from './support/temp-folder.ts'

const engine = useRealEngine()

/** What the engine counted is what the report says. */
async function loaded(args: readonly string[], requests: number, users: number) {
  const before = await engine.tokens()
  const folder = tempFolder()
  const { code, stdout } = await layerline(folder, [
    'load',
    ...args,
    '--url',
    engine.url,
    '--out',
    'run',
    '--json',
    '--gpu',
    'none',
    '--log-every',
    '60',
  ])
  expect(code).toBe(0)
  const report = JSON.parse(stdout) as Report
  expect(report.offered).toMatchObject({ requests, ok: requests })
  expect(report.offered.concurrency?.max).toBe(users)
  const after = await engine.tokens()
  expect(report.tokens).toMatchObject({
    input_tokens: after.input - before.input,
    output_tokens: after.output - before.output,
  })
  expect(readRunJson(join(folder, 'run')).sampling).toMatchObject({ ignore_eos: true })
  for (const row of await sqlRows(folder, 'run', 'SELECT * FROM requests')) {
    expect(row.output_tokens).toBe(row.requested_tokens)
  }
}

test('load asks the server for model and limits, and has lengths of its own', async () => {
  await loaded(['--requests', '4', '--concurrency', '2'], 4, 2)
})

test('fifty short requests by five users: every token that the engine counted', async () => {
  const short = ['--input-tokens', 'uniform:8,32', '--output-tokens', 'uniform:2,8']
  await loaded(['--requests', '50', '--concurrency', '5', ...short], 50, 5)
})
