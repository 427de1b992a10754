import type { BookCheck } from '../../trace/run-json.ts'

/** Two figures of one quantity; closed where they differ by no more than the bound. */
export function compared(
  of: Pick<BookCheck, 'check' | 'left' | 'right' | 'unit'> & { left_value: number; right_value: number; bound: number },
): BookCheck {
  const residual = of.left_value - of.right_value
  return { ...of, residual, state: Math.abs(residual) <= of.bound ? 'closed' : 'open', why: null }
}

/** A check that this run cannot make. */
export function unchecked(of: Pick<BookCheck, 'check' | 'left' | 'right' | 'unit'>, why: string): BookCheck {
  return { ...of, left_value: null, right_value: null, residual: null, bound: null, state: 'not_checked', why }
}
