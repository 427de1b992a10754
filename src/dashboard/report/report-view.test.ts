import { afterEach, describe, expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { analyseRun } from '../../analysis/analyse-run.ts'
import { parseSlo } from '../../analysis/slo/slo.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { textWidth } from '../text/text.ts'
import { reportText } from './report-view.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')

async function reported(tables: Tables, color = false, width = 100) {
  const reader = await memoryRun(tables, { run_id: 'a-run' })
  open.push(reader)
  return reportText(await analyseRun(reader), { width, color })
}

/** 30 requests of one pace: TTFT id + 1 ms, 11 events 10 ms apart. */
function evenRun(): { requests: NonNullable<Tables['requests']>; chunks: NonNullable<Tables['chunks']> } {
  const ids = Array.from({ length: 30 }, (_, id) => id)
  const first = (id: number) => id * 1e9 + (id + 1) * 1e6
  return {
    requests: ids.map((id) => ({
      request_id: id,
      prompt_id: `prompt ${id}`,
      size: 64,
      status: 'ok',
      scheduled_ns: id * 1e9,
      sent_ns: id * 1e9,
      first_token_ns: first(id),
      last_token_ns: first(id) + 100e6,
      end_ns: first(id) + 101e6,
      input_tokens: 1000,
      output_tokens: 11,
      token_source: 'usage',
    })),
    chunks: ids.flatMap((id) =>
      Array.from({ length: 11 }, (_, i) => ({
        request_id: id,
        index: i,
        t_ns: first(id) + i * 10e6,
        tokens: 1,
        kind: 'content',
      })),
    ),
  }
}

describe('reportText', () => {
  it('begins with the verdict, gives intervals with units, and says too few', async () => {
    const text = await reported(evenRun())
    const lines = text.split('\n')
    expect(lines.findIndex((line) => line.startsWith('verdict'))).toBeLessThan(5)
    expect(text).toMatch(/^ {2}! Not known whether the client limited this run/m)
    expect(text).toMatch(
      /TTFT +ms +30 +1\.00 +15\.0 \(10\.0–21\.0\) +27\.0 \(\d+\.\d–30\.0\) +too few \(<299\) +30\.0$/m,
    )
    expect(text).toMatch(/ITL +ms +300 +10\.0 +10\.0 \(10\.0–10\.0\)/)
    expect(text).toContain('30,000 in · cached tokens not reported · 330 out · counted by usage')
    expect(text).toMatch(/nothing in flight/)
    expect(text.endsWith('\n')).toBe(true)
  })

  it('fits its width, also with long and hostile texts, and lets no control character through', async () => {
    const run = evenRun()
    const hostile = `\u001b[2J\u0007\r${'x'.repeat(300)} 漢字 \u202e`
    run.requests.push({
      request_id: 30,
      status: 'reset',
      error: hostile,
      prompt_id: hostile,
      scheduled_ns: 31e9,
      sent_ns: 31e9,
      end_ns: 32e9,
    })
    for (const width of [60, 80, 100, 300]) {
      const text = await reported(run, false, width)
      expect(/[\p{Cc}\p{Cf}]/u.test(text.replaceAll('\n', ''))).toBe(false)
      for (const line of text.split('\n'))
        expect(textWidth(line)).toBeLessThanOrEqual(Math.min(100, Math.max(80, width)))
    }
  })

  it('shows how many kept the objectives, and says what was not answered', async () => {
    const run = evenRun()
    run.requests.push({ request_id: 30, status: 'reset', scheduled_ns: 31e9, sent_ns: 31e9, end_ns: 32e9 })
    const reader = await memoryRun(run)
    open.push(reader)
    const report = await analyseRun(reader, { slo: parseSlo('ttft=15ms,e2e=2s') })
    const text = reportText(report, { width: 100, color: false })
    expect(text).toMatch(/attainment 48 % \(\d+ %–\d+ %\): 15 of 31 requests kept every limit/)
    expect(text).toContain('1 request not answered: offered, and kept nothing')
    expect(text).toMatch(/goodput 0\.469 requests\/s \([\d.]+–[\d.]+\) · output 5\.16 tok\/s/)
    expect(text).toMatch(/ttft ≤ 15 ms +15 +15\n +e2e ≤ 2 s +30 +0\n/)
  })

  it("lays another tool's figures beside ours, with their formulas", async () => {
    const reader = await memoryRun(evenRun())
    open.push(reader)
    const report = await analyseRun(reader, { definitions: 'guidellm' })
    const text = reportText(report, { width: 100, color: false })
    expect(text).toMatch(/^as GuideLLM 0\.8\.1 counts ─/m)
    // Each request: (100 ms + TTFT) / 11 tokens, TTFT from 1 to 30 ms: 10.5 ms at the middle of the two middle ones.
    expect(text).toMatch(/time_per_output_token_ms +ms +30 +10\.5 /)
    expect(text).toContain('time_per_output_token_ms: (last token - request start) / output tokens')
  })

  it('draws the load over time, with what is excluded from the steady part', async () => {
    // Four at a time, a second each, staggered; the first 4 s at one at a time.
    const requests = Array.from({ length: 100 }, (_, id) => {
      const sent = (id < 4 ? id : 4 + (id - 4) / 4) * 1e9
      return {
        request_id: id,
        status: 'ok',
        scheduled_ns: sent,
        sent_ns: sent,
        first_token_ns: sent + 5e8,
        last_token_ns: sent + 9e8,
        end_ns: sent + 1e9,
        output_tokens: 8,
      }
    })
    const text = await reported({ requests })
    expect(text).toMatch(/in flight +[▁▂▃▄▅▆▇█]{50} +4\.0/)
    expect(text).toMatch(/^ {2}steady +·{4,12}━{30,45}·{1,4}$/m)
    expect(text).toMatch(/excluded: \d\.\d+ s of warm-up with \d+ requests, [\d.]+ m?s of drain with \d+ requests?/)
    expect(text).toMatch(/inside: \d+ requests · offered 4\.\d+\/s · done [34]\.\d+\/s · in flight 4\.0/)
  })

  it('paints only when asked, and the words stay the same', async () => {
    const plain = await reported(evenRun(), false)
    const painted = await reported(evenRun(), true)
    expect(plain).not.toMatch(ESCAPES)
    expect(painted).toMatch(ESCAPES)
    const words = (text: string) => text.replace(ESCAPES, '').replace(/ +$/gm, '')
    expect(words(painted)).toBe(words(plain))
  })

  it.each<[string, Tables, RegExp]>([
    ['an empty run', {}, /✗ No measured request/],
    [
      'a run of failures',
      { requests: [{ status: 'timeout', error: 'no answer within 30 s', sent_ns: 0, end_ns: 3e10 }] },
      /✗ No request succeeded/,
    ],
    ['a request of which nothing is known', { requests: [{ status: 'ok' }] }, /1 request, 1 ok/],
  ])('says what there is of %s', async (_, tables, expected) => {
    const text = await reported(tables)
    expect(text).toMatch(expected)
    expect(text).not.toMatch(/NaN|undefined|null|Infinity/)
  })
})
