import { durationUnit, percent, threeDigits, wholeNumber } from '../analysis/quantity.ts'
import type { StepOutcome } from '../analysis/sweep/level-search.ts'
import type { Points, SweepStep } from '../analysis/sweep/sweep-step.ts'
import type { SweepRecord } from '../session/sweep/run-sweep.ts'
import { doubtLines } from './doubt-lines.ts'
import { levelText, outcomeText, sweepAnswer } from './sweep-answer.ts'
import { NOTHING } from './text/format.ts'
import type { Paint } from './text/paint.ts'
import { type Cell, type Column, table } from './text/table.ts'
import { textWidth, wrap } from './text/text.ts'

/** A column of the steps. */
type Shown = readonly [Column, (step: SweepStep) => Cell]

/** The steps of a sweep, lowest first, one line each (in more tables than one where that is too wide), then the answer. */
export function sweepText(record: SweepRecord, { width, paint }: { width: number; paint: Paint }): string {
  const { sweep: axis, steps, cut_off: cutOff, result } = record
  const lines = steps.length === 0 ? [] : tables(record, width, paint)
  if (steps.some(({ outcome, sure }) => outcome !== null && !sure)) {
    lines.push(...wrap('? its 95 % interval holds the target: decided by the value alone', width).map(paint.dim))
  }
  const doubts = doubtLines(
    steps.flatMap(({ doubts: texts }) => texts),
    width,
  )
  if (doubts.length > 0) lines.push('', ...doubts.map(paint.yellow))
  if (cutOff !== null) {
    const text = `${levelText(axis, cutOff.level)} was cut off: ${cutOff.run} is sealed, and does not count`
    lines.push('', ...wrap(text, width))
  }
  if (result !== null) {
    const [first = '', ...more] = sweepAnswer(record, result)
    lines.push('', ...wrap(first, width).map(paint.bold), ...more.flatMap((text) => wrap(text, width)))
  }
  return lines.map((line) => `${line}\n`).join('')
}

/** Groups of columns side by side, as many as fit; the others below. */
function tables({ sweep: axis, steps, slo }: SweepRecord, width: number, paint: Paint): string[] {
  const sorted = steps.toSorted((a, b) => a.level - b.level)
  const drawn = (columns: readonly Shown[]) =>
    table(
      [column(axis === 'rate' ? 'rate' : 'users'), ...columns.map(([head]) => head)],
      sorted.map((step) => [levelText(axis, step.level), ...columns.map(([, cell]) => cell(step))]),
      paint.dim,
    )
  // A closed loop has no schedule that would offer anything.
  const load = LOAD.filter(([{ title }]) => axis === 'rate' || title !== 'offered')
  const groups = [load, LATENCY, ...(slo === null ? [] : [judgement(paint)]), limits(paint)]
  const lines: string[] = []
  let columns: readonly Shown[] = []
  for (const group of groups) {
    const wider = [...columns, ...group]
    if (columns.length > 0 && drawn(wider).some((line) => textWidth(line) > width)) {
      lines.push(...drawn(columns), '')
      columns = group
    } else columns = wider
  }
  return [...lines, ...drawn(columns)]
}

const LOAD: readonly Shown[] = [
  [column('answered'), ({ ok, requests }) => `${wholeNumber(ok)}/${wholeNumber(requests)}`],
  [column('offered'), ({ offered_per_s: asked }) => perSecond(asked)],
  [column('achieved'), ({ achieved_per_s: done }) => perSecond(done)],
  [column('output tok/s'), ({ output_tokens_per_s: out }) => (out === null ? NOTHING : threeDigits(out.value))],
]

const LATENCY: readonly Shown[] = [
  [column('TTFT p50/p99'), ({ ttft_ms }) => pointsText(ttft_ms)],
  [column('ITL p50/p99'), ({ itl_ms }) => pointsText(itl_ms)],
  [column('E2E p50/p99'), ({ e2e_ms }) => pointsText(e2e_ms)],
]

function judgement(paint: Paint): readonly Shown[] {
  return [
    [column('attainment'), attainmentText],
    [column('within SLO'), ({ goodput }) => perSecond(goodput?.requests_per_s.value ?? null)],
    [{ title: '' }, ({ outcome, sure }) => outcomeCell(outcome, sure, paint)],
    [
      { title: 'broke most' },
      ({ broke_most: most }) => (most === null ? NOTHING : `${most.metric} ${wholeNumber(most.requests)}`),
    ],
  ]
}

function limits(paint: Paint): readonly Shown[] {
  return [[{ title: 'limited by' }, (step) => limiterCell(step, paint)]]
}

function column(title: string): Column {
  return { title, align: 'right' }
}

function perSecond(value: number | null): string {
  return value === null ? NOTHING : `${threeDigits(value)}/s`
}

/** Both in the unit that suits the first: `12.3/45.6 ms`. */
function pointsText({ p50, p99 }: Points): string {
  if (p50 === null) return NOTHING
  const { unit, perMs } = durationUnit(p50)
  return `${threeDigits(p50 * perMs)}/${p99 === null ? NOTHING : threeDigits(p99 * perMs)} ${unit}`
}

function attainmentText({ slo_attainment: share }: SweepStep): string {
  if (share === null) return NOTHING
  const { value, low, high } = share
  const bare = (ratio: number) => percent(ratio).replace(' %', '')
  return low === null || high === null ? percent(value) : `${percent(value)} (${bare(low)}–${bare(high)})`
}

function outcomeCell(outcome: StepOutcome | null, sure: boolean, paint: Paint): Cell {
  if (outcome === null) return NOTHING
  const color = { meets: paint.green, fails: paint.red, not_offered: paint.yellow }[outcome]
  return { text: outcomeText(outcome, sure), paint: sure ? color : paint.yellow }
}

const LIMITERS: Readonly<Record<string, string>> = {
  ports: 'client: ports',
  workers: 'client: workers died',
  full: 'server: full',
  schedule: 'client: late',
  same_host: 'shared CPU',
}

function limiterCell({ limited_by: by }: SweepStep, paint: Paint): Cell {
  if (by === null) return NOTHING
  return { text: LIMITERS[by.what] ?? by.what, paint: by.level === 'bad' ? paint.red : paint.yellow }
}
