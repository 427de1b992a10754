/** What a trace's times count; `iso` are dates with a time of day. */
export const TIME_UNITS = ['s', 'ms', 'us', 'ns', 'iso'] as const
export type TimeUnit = (typeof TIME_UNITS)[number]

/** us in one of them. */
export const US_PER: Record<Exclude<TimeUnit, 'iso'>, number> = { s: 1e6, ms: 1e3, us: 1, ns: 1e-3 }

export interface GuessedUnit {
  readonly unit: TimeUnit
  /** Why, for the user to check. */
  readonly because: string
}

const isNumber = (text: string) => /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text)

/**
 * The unit of times that no format fixes, from the first of them: a date is `iso`; a number as large as a Unix time
 * says it by its size; a fraction means seconds; whole numbers that step by hundreds are ms. null without any.
 */
export function guessTimeUnit(texts: readonly string[]): GuessedUnit | null {
  const first = texts[0]
  if (first === undefined) return null
  if (!isNumber(first)) return { unit: 'iso', because: `times look like "${first.slice(0, 40)}"` }
  const numbers = texts.filter(isNumber).map(Number)
  const size = Math.abs(numbers[0] ?? 0)
  const since1970 = (unit: TimeUnit) => ({ unit, because: `${first} is a time since 1970 in ${unit}` })
  if (size >= 1e17) return since1970('ns')
  if (size >= 1e14) return since1970('us')
  if (size >= 1e11) return since1970('ms')
  if (size >= 1e9) return since1970('s')
  if (texts.some((text) => /[.eE]/.test(text) && Number(text) % 1 !== 0))
    return { unit: 's', because: 'times have fractions' }
  const gaps: number[] = []
  for (let i = 1; i < numbers.length; i++) {
    const gap = (numbers[i] ?? 0) - (numbers[i - 1] ?? 0)
    if (gap > 0) gaps.push(gap)
  }
  gaps.sort((a, b) => a - b)
  const typical = gaps[gaps.length >> 1] ?? 0
  return typical >= 100
    ? { unit: 'ms', because: `times are whole numbers, typically ${typical} apart` }
    : { unit: 's', because: `times are whole numbers${typical > 0 ? `, typically ${typical} apart` : ''}` }
}
