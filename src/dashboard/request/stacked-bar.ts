import { percent } from '../../analysis/quantity.ts'
import type { Paint } from '../text/paint.ts'
import { clip, pad, textWidth } from '../text/text.ts'

export interface StackPart {
  readonly text: string
  readonly value: number
  /** The value as it is to be read. */
  readonly shown: string
}

/** Distinguished by their texture too, for terminals without colour. */
const FILLS = ['▓', '█', '▒', '░', '▚', '▞', '·']

/** Parts of a whole in one bar, and below it one line per part. Every part above 0 has a column. */
export function stackedBar(parts: readonly StackPart[], total: number, width: number, paint: Paint): string[] {
  const paints = [paint.yellow, paint.cyan, paint.green, paint.red, paint.dim, paint.cyan, paint.dim]
  const columns = columnsOf(
    parts.map(({ value }) => value),
    total,
    width,
  )
  const fill = (i: number, n: number) =>
    (paints[i % paints.length] as (text: string) => string)((FILLS[i % FILLS.length] as string).repeat(n))
  const values = Math.max(...parts.map(({ shown }) => textWidth(shown)))
  return [
    columns.map((n, i) => fill(i, n)).join(''),
    ...parts.map(
      ({ text, value, shown }, i) =>
        `${fill(i, 1)} ${pad(shown, values, 'right')}  ${pad(percent(total === 0 ? 0 : value / total), 6, 'right')}  ${clip(text, width - values - 14)}`,
    ),
  ]
}

/** Whole columns that add up to the width, by largest remainder. */
function columnsOf(values: readonly number[], total: number, width: number): number[] {
  if (total <= 0) return values.map(() => 0)
  const exact = values.map((value) => (value / total) * width)
  const columns = exact.map((each) => (each > 0 ? Math.max(1, Math.floor(each)) : 0))
  const byRest = exact.map((each, i) => ({ i, rest: each - Math.floor(each) })).sort((a, b) => b.rest - a.rest)
  for (let left = width - columns.reduce((a, b) => a + b, 0), k = 0; left > 0 && k < byRest.length; k++) {
    const { i } = byRest[k] as { i: number }
    if ((values[i] as number) > 0) {
      columns[i] = (columns[i] as number) + 1
      left--
    }
  }
  return columns
}
