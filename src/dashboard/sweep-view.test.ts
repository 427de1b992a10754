import { describe, expect, it } from 'vitest'
import { judgeShare } from '../analysis/sweep/step-outcome.ts'
import { sweepResult } from '../analysis/sweep/sweep-result.ts'
import type { SweepStep } from '../analysis/sweep/sweep-step.ts'
import type { SweepRecord } from '../session/sweep/run-sweep.ts'
import { sweepText } from './sweep-view.ts'
import { paintFor } from './text/paint.ts'
import { textWidth } from './text/text.ts'

const TARGET = 0.9

function step(level: number, value: number, more: Partial<SweepStep> = {}): SweepStep {
  const share = { value, low: Math.max(0, value - 0.02), high: Math.min(1, value + 0.02) }
  const rate = (x: number) => ({ value: x, low: null, high: null, method: 'arrivals' as const })
  return {
    run: `0-rate-${level}`,
    level,
    requests: 1000,
    ok: 998,
    span_s: 30,
    offered_per_s: level,
    achieved_per_s: level * 0.98,
    ttft_ms: { p50: 123.4, p99: 456.7 },
    itl_ms: { p50: 12.3, p99: null },
    e2e_ms: { p50: 1234, p99: 2345 },
    output_tokens_per_s: rate(level * 100),
    total_tokens_per_s: rate(level * 400),
    slo_attainment: share,
    goodput: { requests_per_s: rate(level * value), output_tokens_per_s: rate(1), total_tokens_per_s: rate(1) },
    broke_most: value === 1 ? null : { metric: 'ttft', requests: 100 },
    ...judgeShare(share, TARGET),
    limited_by: null,
    doubts: [],
    ...more,
  }
}

function text(steps: SweepStep[], more: Partial<SweepRecord> = {}, width = 160): string {
  const record: SweepRecord = {
    sweep: 'rate',
    seed: 1,
    slo: 'ttft=500ms',
    search: null,
    search_end: null,
    steps,
    cut_off: null,
    result: sweepResult('rate', steps, TARGET),
    ...more,
  }
  return sweepText(record, { width, paint: paintFor(false) })
}

describe('sweepText', () => {
  it('has a line a step, lowest first, and the answer', () => {
    const shown = text([step(1, 1), step(4, 0.5), step(2, 0.91)])
    const rates = [...shown.matchAll(/^ *(\d)\/s /gm)].map(([, rate]) => rate)
    expect(rates).toEqual(['1', '2', '4'])
    expect(shown).toMatch(
      /^ *1\/s +998\/1,000 +1\.00\/s +0\.980\/s +100 +123\/457 ms +12\.3\/– ms +1\.23\/2\.35 s +100 % \(98–100\) +1\.00\/s +meets +– +–$/m,
    )
    expect(shown).toMatch(/91 % \(89–93\) .* meets\? /)
    expect(shown).toContain('? its 95 % interval holds the target')
    expect(shown).toContain('Max goodput 2.00/s: 90 % of the requests kept ttft=500ms there, and no longer at 4.00/s.')
    expect(shown).toContain('it lies between 1/s and 4/s')
    expect(shown).toContain('Not decided by its interval: 2/s.')
  })

  it('says honestly what is not bracketed', () => {
    expect(text([step(1, 1), step(2, 1)])).toMatch(
      /at least 2\.00\/s.*higher ones were not tried: the answer is not bracketed/,
    )
    expect(text([step(1, 0.1)])).toMatch(/At no rate .*lower ones were not tried: the answer is not bracketed/)
    const late = step(2, 1, { outcome: 'not_offered', sure: true })
    expect(text([step(1, 1), late])).toMatch(/at least 1\.00\/s.*could not be offered as asked \(2\/s\)/)
    expect(text([late])).toContain('nothing was learned of the server')
    expect(text([step(1, 0.3), step(2, 1), step(4, 0.3)])).toContain('Lower ones failed too (1/s)')
    expect(text([step(1, 1), step(2, 0.1)], { search_end: 'steps_spent' })).toContain('given up')
  })

  it('says what was offered where that is not what was asked for', () => {
    const steps = [step(1, 1, { offered_per_s: 1.3 }), step(2, 0.1, { offered_per_s: 2.01 })]
    expect(text(steps)).toContain(
      'Max goodput 1.30/s (asked for: 1/s): 90 % of the requests kept ttft=500ms there, and no longer at 2.01/s.',
    )
  })

  it('fits: more tables where one is too wide', () => {
    const shown = text([step(1, 1), step(2, 0.1)], {}, 80)
    expect(shown.split('\n').filter((line) => textWidth(line) > 80)).toEqual([])
    expect(shown.match(/^rate /gm)).toHaveLength(3)
    expect(text([step(1, 1)], {}, 110).match(/^rate /gm)).toHaveLength(2)
  })

  it('shows no judgement where nothing was asked for, and no table of nothing', () => {
    const bare = step(1, 1, { slo_attainment: null, goodput: null, outcome: null, sure: false })
    expect(text([bare], { slo: null, result: null })).not.toMatch(/attainment|goodput|95 %/)
    const cut = { run: '01-rate-1', level: 1 }
    expect(text([], { slo: null, result: null, cut_off: cut })).toBe(
      '\n1/s was cut off: 01-rate-1 is sealed, and does not count\n',
    )
  })

  it('names who limited a step, and what all of them have against them', () => {
    const by = { level: 'bad' as const, what: 'full', text: '12 requests refused' }
    const shown = text([
      step(1, 0.2, { limited_by: by, doubts: [by.text] }),
      step(2, 0.1, { doubts: ['9 requests refused'] }),
    ])
    expect(shown).toContain('server: full')
    expect(shown).toContain('! 2 runs: 12 requests refused')
  })
})
