import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { memoryRun } from '../../../test/support/memory-run.ts'
import { randomRun } from '../../../test/support/random-run.ts'
import { openRun } from '../../store/read/open-run.ts'
import { analyseRun } from '../analyse-run.ts'
import { parseSlo } from '../slo/slo.ts'
import { reportJsonSchema, reportSchema } from './report-schema.ts'

/** What parsing returns lacks every field that the schema does not name: equal means that none is missing. */
function expectAllNamed(report: unknown) {
  const printed = JSON.parse(JSON.stringify(report))
  expect(reportSchema.parse(printed)).toEqual(printed)
}

test('the schema names every field of the report of a recorded run', async () => {
  const run = await openRun(new URL('../../../samples/run-v1', import.meta.url).pathname)
  try {
    const report = await analyseRun(run, { slo: parseSlo('ttft=500ms,itl_p99=50ms'), definitions: 'vllm' })
    expect(report.slo).not.toBeNull()
    expect(report.late_tokens).not.toBeNull()
    expectAllNamed(report)
  } finally {
    await run.close()
  }
})

test('and of a random run with failures', async () => {
  const reader = await memoryRun(randomRun(2, 120))
  const report = await analyseRun(reader, { definitions: 'vllm' })
  await reader.close()
  expect(report.failures.kinds.length).toBeGreaterThan(0)
  expectAllNamed(report)
})

test('a field that is missing or of another type is refused', () => {
  const figures = reportSchema.shape.latency
  expect(figures.safeParse({}).success).toBe(false)
  expect(reportSchema.shape.verdict.safeParse([{ level: 'fine', what: 'x', text: 'x' }]).success).toBe(false)
})

test('the published file is this schema, and lets later versions add fields', () => {
  const published = JSON.parse(readFileSync(new URL('../../../docs/report.schema.json', import.meta.url), 'utf8'))
  expect(published).toEqual(JSON.parse(JSON.stringify(reportJsonSchema())))
  expect(JSON.stringify(published)).not.toContain('"additionalProperties":false')
  expect(published.required).toContain('verdict')
})
