import type { Distribution } from '../../../analysis/intervals/distribution.ts'
import type { Rate } from '../../../analysis/intervals/rate-resampling.ts'
import { threeDigits } from '../../../analysis/quantity.ts'
import type { Report } from '../../../analysis/report.ts'
import type { CompareRow, Comparison } from '../api-types.ts'

type Value = CompareRow['a']

/** Two runs, figure by figure, each with the interval that its report gives it. */
export function compareReports(a: { id: string; report: Report }, b: { id: string; report: Report }): Comparison {
  const rows = FIGURES.map(({ name, unit, better, of }): CompareRow => {
    const [left, right] = [of(a.report), of(b.report)]
    const change = left === null || right === null || left.value === 0 ? null : right.value / left.value - 1
    return { name, unit, better, a: left, b: right, change, differs: apart(left, right) }
  }).filter((row) => row.a !== null || row.b !== null)
  return {
    a: { id: a.id, run_id: a.report.run.run_id },
    b: { id: b.id, run_id: b.report.run.run_id },
    sentence: sentenceOf(rows),
    caveat:
      'One run per side: the intervals tell how sure each run is of its own figures. How much such runs vary from one to the next is not known; repeat both to learn it.',
    rows,
  }
}

const FIGURES: readonly { name: string; unit: string; better: CompareRow['better']; of: (report: Report) => Value }[] =
  [
    ...(['p50', 'p90', 'p99'] as const).flatMap((p) => [
      { name: `TTFT ${p}`, unit: 'ms', better: 'lower' as const, of: (r: Report) => percentile(r.latency.ttft_ms, p) },
      { name: `ITL ${p}`, unit: 'ms', better: 'lower' as const, of: (r: Report) => percentile(r.latency.itl_ms, p) },
      { name: `TPOT ${p}`, unit: 'ms', better: 'lower' as const, of: (r: Report) => percentile(r.latency.tpot_ms, p) },
      { name: `E2E ${p}`, unit: 'ms', better: 'lower' as const, of: (r: Report) => percentile(r.latency.e2e_ms, p) },
    ]),
    { name: 'output tokens', unit: 'tokens/s', better: 'higher', of: (r) => rate(r.tokens.output_per_s) },
    { name: 'answered requests', unit: '1/s', better: 'higher', of: (r) => bare(r.offered.achieved_per_s) },
    {
      name: 'failed requests',
      unit: '',
      better: 'lower',
      of: (r) => (r.offered.requests === 0 ? null : bare(r.offered.requests - r.offered.ok)),
    },
  ]

function percentile(distribution: Distribution, p: 'p50' | 'p90' | 'p99'): Value {
  const found = distribution?.[p]
  return found === undefined || 'too_few' in found ? null : { value: found.value, low: found.low, high: found.high }
}

function rate(value: Rate | null): Value {
  return value === null ? null : { value: value.value, low: value.low, high: value.high }
}

function bare(value: number | null): Value {
  return value === null ? null : { value, low: null, high: null }
}

function apart(a: Value, b: Value): boolean | null {
  if (a === null || b === null || a.low === null || a.high === null || b.low === null || b.high === null) return null
  return a.high < b.low || b.high < a.low
}

function sentenceOf(rows: readonly CompareRow[]): string {
  const differing = rows
    .filter(({ differs, change }) => differs === true && change !== null)
    .sort((x, y) => Math.abs(Math.log1p(y.change as number)) - Math.abs(Math.log1p(x.change as number)))
  if (differing.length === 0) {
    return rows.some(({ differs }) => differs === false)
      ? 'No figure differs by more than its interval.'
      : 'Too few requests to tell the two runs apart.'
  }
  const parts = differing.slice(0, 3).map(({ name, change }) => {
    const percent = threeDigits(Math.abs(change as number) * 100)
    return `${name} is ${percent} % ${(change as number) > 0 ? 'higher' : 'lower'}`
  })
  return `In B, ${parts.join(', ')} than in A; these intervals do not overlap.`
}
