import { beforeAll, describe, expect, test } from 'vitest'
import { memoryRun } from '../../../test/support/memory-run.ts'
import { randomRun } from '../../../test/support/random-run.ts'
import { analyseRun } from '../../analysis/analyse-run.ts'
import { runFacts } from '../../analysis/overview/run-facts.ts'
import { duration } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { parseSlo } from '../../analysis/slo/slo.ts'
import { reportMarkdown } from './report-markdown.ts'

const NO_FACTS = { model: null, engine: null, arguments: null, hardware: 'not known', versions: 'Layerline' }
const HOSTILE = `</details>\n<script>alert(1)</script> \`\`\` | @team ![x](https://e.example/x) \u202e${'A'.repeat(10_000)}`

/** What is seen before anything is opened. */
const opened = (text: string) => text.slice(0, text.indexOf('<details>')).trimEnd().split('\n')

let report: Report
beforeAll(async () => {
  const reader = await memoryRun(randomRun(3, 420))
  report = await analyseRun(reader, { slo: parseSlo('ttft=500ms,itl=50ms') })
  await reader.close()
})

describe('a report for a pull request', () => {
  test('is at most 25 lines before it is opened', () => {
    const lines = opened(reportMarkdown(report, NO_FACTS))
    expect(lines.length).toBeLessThanOrEqual(25)
    expect(lines[0]).toMatch(/^### /)
  })

  test('begins with the limiter, then the four figures with their intervals and objectives', () => {
    const lines = opened(reportMarkdown(report, NO_FACTS))
    expect(lines[2]).toMatch(/^\*\*.+\.\*\*$/)
    const [titles, , values, intervals, objectives] = lines.slice(4, 9).map((line) => line.split(' | '))
    expect(titles).toHaveLength(4)
    const ttft = report.latency.ttft_ms
    if (ttft === null || 'too_few' in ttft.p99) throw new Error('the run of this test has a p99')
    expect(values?.[0]).toContain(duration(ttft.p99.value))
    expect(intervals?.[0]).toContain(`${duration(ttft.p99.low)} to ${duration(ttft.p99.high)}`)
    expect(objectives?.[0]).toContain('ttft')
    expect(objectives?.[2]).toContain(String(report.slo?.met))
  })

  test('keeps hostile names harmless, and short', () => {
    const requests = report.slowest.map((line) => ({ ...line }))
    const hostile = {
      ...report,
      run: { ...report.run, run_id: HOSTILE, model: HOSTILE },
      verdict: Array.from({ length: 9 }, () => ({ level: 'bad' as const, what: 'x', text: HOSTILE })),
      slowest: requests,
    }
    const facts = { model: HOSTILE, engine: HOSTILE, arguments: HOSTILE, hardware: HOSTILE, versions: HOSTILE }
    const text = reportMarkdown(hostile, facts)
    const lines = opened(text)
    expect(lines.length).toBeLessThanOrEqual(25)
    expect(lines.filter((line) => line.startsWith('```'))).toHaveLength(2)
    const outside = lines
      .join('\n')
      .replace(/```text[\s\S]*?```/, '')
      .replace(/`[^`]*`/g, '')
    expect(outside).not.toMatch(/<script|<\/details|@team|!\[|https:\/\//)
    expect(text).not.toContain('\u202e')
    expect(text.match(/```/g)).toHaveLength(4)
    expect(text.length).toBeLessThan(65_536)
  })
})

test('facts of a run name its GPUs by kind and number', async () => {
  const reader = await memoryRun(randomRun(1, 10))
  const run = { ...reader.run, engine: null }
  const facts = await runFacts({
    run,
    query: async () => [{ device: '0 GPU-1a NVIDIA A10' }, { device: '1 GPU-2b NVIDIA A10' }],
  })
  await reader.close()
  expect(facts.hardware).toMatch(/^2 × NVIDIA A10/)
  expect(facts.model).toBeNull()
})
