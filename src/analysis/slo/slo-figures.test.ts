import { afterEach, describe, expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { randomRun } from '../../../test/support/random-run.ts'
import type { RunReader, SqlValue } from '../../store/read/run-reader.ts'
import { measuredSpan, offeredFigures } from '../requests/offered.ts'
import { parseSlo } from './slo.ts'
import { sloFigures } from './slo-figures.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

async function figuresOf(tables: Tables, slo: string) {
  const reader = await memoryRun(tables)
  open.push(reader)
  const span = await measuredSpan(reader)
  const { concurrency } = await offeredFigures(reader, span)
  return sloFigures(reader, parseSlo(slo), span, concurrency)
}

const ms = 1e6
/** Sent at 0, first token at 100 ms, five tokens, longest gap 30 ms, ends at 200 ms. */
const GOOD = {
  status: 'ok',
  scheduled_ns: -50 * ms,
  sent_ns: 0,
  first_token_ns: 100 * ms,
  last_token_ns: 180 * ms,
  end_ns: 200 * ms,
  max_gap_ns: 30 * ms,
  input_tokens: 10,
  output_tokens: 5,
}

describe('sloFigures', () => {
  it('counts failures and what was never sent as offered, and only what kept every limit as met', async () => {
    const requests = [
      GOOD,
      { ...GOOD, first_token_ns: 150 * ms },
      { ...GOOD, max_gap_ns: 60 * ms },
      {
        ...GOOD,
        status: 'http_error',
        first_token_ns: null,
        last_token_ns: null,
        max_gap_ns: null,
        output_tokens: null,
      },
      { status: 'not_sent', scheduled_ns: 0 },
      { ...GOOD, phase: 'warmup' },
    ].map((row, request_id) => ({ ...row, request_id }))
    const figures = await figuresOf({ requests }, 'ttft=100ms,itl=50ms')
    expect(figures).toMatchObject({
      offered: 5,
      answered: 3,
      met: 1,
      slo_attainment: { value: 0.2, low: null, high: null },
    })
    expect(figures.limits).toEqual([
      { metric: 'ttft', limit_ms: 100, met: 2, missed: 1, unknown: 0 },
      { metric: 'itl', limit_ms: 50, met: 2, missed: 1, unknown: 0 },
    ])
    // Due at -50 ms, ended at 200 ms: a span of 250 ms with one good request of 5 output and 10 input tokens.
    expect(figures.goodput?.requests_per_s.value).toBeCloseTo(1 / 0.25, 9)
    expect(figures.goodput?.output_tokens_per_s.value).toBeCloseTo(5 / 0.25, 9)
    expect(figures.goodput?.total_tokens_per_s.value).toBeCloseTo(15 / 0.25, 9)
  })

  it.each([
    ['ttft=100ms', true],
    ['ttft=99ms', false],
    ['due_ttft=150ms', true],
    ['due_ttft=149ms', false],
    ['e2e=200ms', true],
    ['e2e=199ms', false],
    ['due_e2e=250ms', true],
    ['due_e2e=249ms', false],
    ['tpot=20ms', true], // (180 - 100) / (5 - 1)
    ['tpot=19.9ms', false],
    ['itl=30ms', true],
    ['itl=29ms', false],
    ['itl_p75=20ms', true], // gaps 10, 20, 20, 30: the third of four
    ['itl_p75=19ms', false],
    ['itl_p76=20ms', false],
  ])('one request against %s: %s', async (slo, met) => {
    const at = [100, 110, 130, 150, 180]
    const chunks = at.map((t, index) => ({ request_id: 0, index, t_ns: t * ms, kind: 'content' }))
    expect((await figuresOf({ requests: [GOOD], chunks }, slo)).met).toBe(met ? 1 : 0)
  })

  it('has no gaps to break in an answer of one event, and does not know the gaps of one that tells nothing', async () => {
    const one = { ...GOOD, last_token_ns: 100 * ms, max_gap_ns: null, output_tokens: 1 }
    const silent = { ...GOOD, first_token_ns: null, last_token_ns: null, max_gap_ns: null }
    const requests = [one, silent].map((row, request_id) => ({ ...row, request_id }))
    const figures = await figuresOf({ requests }, 'itl=1ms,itl_p99=1ms,tpot=1ms,ttft=1s')
    expect(figures.met).toBe(1)
    for (const limit of figures.limits) expect(limit).toMatchObject({ met: 1, missed: 0, unknown: 1 })
  })

  it('agrees with a count request by request, and with its own parts', async () => {
    const tables = randomRun(5, 400)
    const n = (row: Record<string, SqlValue>, column: string) => Number(row[column])
    for (const row of tables.requests) {
      const at = tables.chunks.filter(
        (c) => c.request_id === row.request_id && (c.kind === 'content' || c.kind === 'reasoning'),
      )
      const gaps = at.slice(1).map((c, i) => n(c, 't_ns') - n(at[i] as Record<string, SqlValue>, 't_ns'))
      row.max_gap_ns = gaps.length === 0 ? null : Math.max(...gaps)
    }
    const figures = await figuresOf(tables, 'ttft=40ms,itl=100ms')
    const measured = tables.requests.filter((row) => row.phase === 'measured')
    const met = measured.filter(
      (row) =>
        row.status === 'ok' && n(row, 'first_token_ns') - n(row, 'sent_ns') <= 40e6 && n(row, 'max_gap_ns') <= 100e6,
    )
    expect(met.length).toBeGreaterThan(50)
    expect(met.length).toBeLessThan(measured.length - 50)
    expect(figures).toMatchObject({ offered: measured.length, met: met.length })
    const { low, high, value } = figures.slo_attainment ?? { low: null, high: null, value: -1 }
    expect(value).toBeCloseTo(met.length / measured.length, 12)
    expect(low).toBeLessThan(value)
    expect(high).toBeGreaterThan(value)
    const rate = figures.goodput?.requests_per_s
    expect(rate?.low ?? Number.NaN).toBeLessThan(rate?.value ?? Number.NaN)
    expect(rate?.high ?? Number.NaN).toBeGreaterThan(rate?.value ?? Number.NaN)
    const tokens = met.reduce((sum, row) => sum + n(row, 'output_tokens'), 0)
    expect((figures.goodput?.output_tokens_per_s.value ?? 0) / tokens).toBeCloseTo((rate?.value ?? 0) / met.length, 12)
  })

  it('judges nothing where nothing was offered', async () => {
    expect(await figuresOf({}, 'ttft=1ms')).toMatchObject({ offered: 0, met: 0, slo_attainment: null, goodput: null })
  })
})
