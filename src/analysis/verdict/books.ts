import { many, percent } from '../quantity.ts'
import type { Rule } from './rule.ts'

/** Two figures of one quantity that differ by less are worth a note: a server may count its end token in one place only. */
export const OPEN_WARN = 0.02

/** Whether what has to add up does: the badge of the run. The report has the table. */
export const openBooks: Rule = ({ books }) => {
  const checked = books.filter(({ state }) => state !== 'not_checked')
  const open = checked.filter(({ state }) => state === 'open')
  if (checked.length === 0) return null
  const missing = books.length - checked.length
  const rest = missing === 0 ? '' : `; ${missing} could not be made`
  if (open.length === 0)
    return {
      level: 'ok',
      what: 'books',
      text: `Books closed: ${many('check', checked.length)} of what has to add up${rest}`,
    }
  const share = Math.max(...open.map(({ residual, right_value }) => Math.abs((residual ?? 0) / (right_value || 1))))
  const names = open.map(
    ({ left, right, residual, right_value }) =>
      `${left} and ${right} differ by ${percent(Math.abs((residual ?? 0) / (right_value || 1)))}`,
  )
  const level = share >= OPEN_WARN ? 'warn' : 'note'
  return {
    level,
    what: 'books',
    text: `Books open: ${names.join('; ')}; ${checked.length - open.length} of ${many('check', checked.length)} closed${rest}`,
  }
}
