import { threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { NARROW, NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { wrap } from '../text/text.ts'

/** The figures by another tool's definitions, and below them what each says. */
export function definitionLines({ definitions }: Report, width: number, paint: Paint): string[] {
  if (definitions === null) return []
  const { distributions, rates, percentiles } = definitions
  const number = (value: number | null) => (value === null ? NOTHING : threeDigits(value))
  const right = (title: string) => ({ title, align: 'right' as const })
  const narrow = width < NARROW
  const rows = distributions.map((d) => [
    { text: d.name, paint: paint.bold },
    d.unit,
    wholeNumber(d.n),
    number(d.mean),
    ...(narrow ? [] : [number(d.std)]),
    number(d.p50),
    number(d.p90),
    number(d.p99),
  ])
  const formulas = [...distributions, ...rates].map(({ name, formula }) => `${name}: ${formula}`)
  const how =
    percentiles === 'interpolated'
      ? 'percentiles interpolated between two rows, as numpy does; no intervals, as that tool has none'
      : 'percentiles are rows, not interpolated; no intervals here'
  return [
    ...table(
      [
        { title: '' },
        { title: '' },
        right('n'),
        right('mean'),
        ...(narrow ? [] : [right('std')]),
        right('p50'),
        right('p90'),
        right('p99'),
      ],
      rows,
      paint.dim,
    ),
    ...rates.map(({ name, unit, value }) => `${paint.bold(name)} ${number(value)} ${unit}`),
    ...[...formulas, how].flatMap((line) => wrap(line, width - 2).map(paint.dim)),
  ]
}
