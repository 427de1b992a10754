import { threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import type { BookCheck } from '../../trace/run-json.ts'
import { NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { wrap } from '../text/text.ts'

const STATES = { closed: '✓ closed', open: '! open', not_checked: '– not checked' } as const

/** What has to add up: each check with its two figures, its residual and its bound; what was not checked, and why. */
export function bookLines(books: readonly BookCheck[], width: number, paint: Paint): string[] {
  const checked = books.filter(({ state }) => state !== 'not_checked')
  if (checked.length === 0) return []
  const colour = { closed: paint.green, open: paint.yellow, not_checked: paint.dim } as const
  const figure = (value: number | null) =>
    value === null ? NOTHING : Number.isInteger(value) ? wholeNumber(value) : threeDigits(value)
  return [
    ...table(
      [
        { title: 'what', max: Math.max(10, width - 68) },
        { title: 'equals', max: 20 },
        { title: 'residual', align: 'right', max: 16 },
        { title: 'bound', align: 'right', max: 10 },
        { title: '' },
      ],
      checked.map(({ left, right, residual, bound, unit, state }) => [
        left,
        right,
        residual === null ? NOTHING : `${figure(residual)} ${unit}`,
        figure(bound),
        { text: STATES[state], paint: colour[state] },
      ]),
      paint.dim,
    ),
    ...books
      .filter(({ state }) => state === 'not_checked')
      .flatMap(({ check, why }) => wrap(`not checked: ${check}: ${why}`, width).map((line) => paint.dim(line))),
  ]
}
