import type { Difference } from '../analysis/hardware/sampling-study.ts'
import { many, threeDigits } from '../analysis/quantity.ts'
import type { StudyRecord } from '../session/sampling-study.ts'
import { doubtLines } from './doubt-lines.ts'
import { NOTHING } from './text/format.ts'
import type { Paint } from './text/paint.ts'
import { type Cell, table } from './text/table.ts'
import { wrap } from './text/text.ts'

/** What a sampling study found: cost and effect by period, error by what was measured, and the answer. */
export function studyText(record: StudyRecord, { width, paint }: { width: number; paint: Paint }): string {
  const { result, runs, blocks, periods_ms } = record
  const { periods } = result
  const right = (title: string) => ({ title, align: 'right' as const })
  const lines = [
    paint.bold('Which sampling period?'),
    ...wrap(
      `${many('run', runs.length)} of ${blocks * periods_ms.length}, ${many('request', runs[0]?.requests ?? 0)} each; differences with 95 % intervals, by blocks; order by seed ${record.seed}`,
      width,
    ).map(paint.dim),
  ]
  if (periods.length > 0) {
    const coarsest = `${periods[0]?.period_ms} ms`
    const speeds = namesOf(periods.map(({ speed }) => speed))
    const delays = namesOf(periods.map(({ delay }) => delay))
    lines.push(
      '',
      ...table(
        [
          right('period'),
          right('runs'),
          right('sampler, % of a core'),
          right(`client more than ${coarsest}`),
          ...[...speeds, ...delays].map((name) => right(name.replace(/_(ms|per_s)$/, '').replaceAll('_', ' '))),
          { title: 'fits' },
        ],
        periods.map((period, i) => [
          `${period.period_ms} ms`,
          String(period.runs),
          differenceText(period.cores, false),
          i === 0 ? NOTHING : differenceText(period.client_cores, true),
          ...speeds.map((name) => (i === 0 ? NOTHING : differenceText(period.speed[name] ?? null, true))),
          ...delays.map((name) => (i === 0 ? NOTHING : differenceText(period.delay[name] ?? null, true))),
          fitsCell(period.fits, paint),
        ]),
        paint.dim,
      ),
      paint.dim(`speed and times against ${coarsest}`),
    )
    const measures = namesOf(periods.map(({ error }) => error))
    const truths = new Set(measures.filter((name) => periods.some(({ error }) => error[name]?.against === 'truth')))
    if (measures.length > 0) {
      lines.push(
        '',
        ...table(
          [{ title: 'error of' }, ...periods.map(({ period_ms }) => right(`${period_ms} ms`))],
          measures.map((name) => [
            truths.has(name) ? `${name} *` : name,
            ...periods.map(({ error, unresolved }, i): Cell => {
              if (unresolved.includes(name)) return { text: 'not resolved', paint: paint.dim }
              if (i === periods.length - 1 && !truths.has(name)) return NOTHING
              return differenceText(error[name] ?? null, true)
            }),
          ]),
          paint.dim,
        ),
        paint.dim(`* against the truth; the others against ${periods.at(-1)?.period_ms} ms`),
      )
    }
    const reasons = periods.flatMap(({ period_ms, fits, because }) =>
      fits === 'yes'
        ? []
        : wrap(`${period_ms} ms: ${fits === 'no' ? 'does not fit' : 'open'}: ${because.join(', ')}`, width),
    )
    if (reasons.length > 0) lines.push('', ...reasons.map(paint.dim))
  }
  const doubts = doubtLines(
    runs.flatMap(({ verdict }) => verdict),
    width,
  )
  if (doubts.length > 0) lines.push('', ...doubts.map(paint.yellow))
  return `${[...lines, '', ...wrap(result.text, width).map(paint.bold)].join('\n')}\n`
}

/** An interval that reaches beyond ten times the figure says nothing but that. */
const WIDEST = 10

function namesOf(all: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(all.flatMap((each) => Object.keys(each)))].sort()
}

/** In percent: `+1.20 (-0.300…+2.70)`; without limits where there were too few blocks for them. */
function differenceText(difference: Difference | null, signed: boolean): string {
  if (difference === null) return NOTHING
  const text = (value: number) => `${signed && value > 0 ? '+' : ''}${threeDigits(100 * value)}`
  const { value, low, high } = difference
  if (high !== null && high > WIDEST) return `${text(value)} % (too few blocks)`
  return low === null || high === null ? `${text(value)} %` : `${text(value)} % (${text(low)}…${text(high)})`
}

function fitsCell(fits: 'yes' | 'no' | 'open', paint: Paint): Cell {
  return { text: fits, paint: { yes: paint.green, no: paint.red, open: paint.yellow }[fits] }
}
