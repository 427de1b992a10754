import { type TimeUnit, US_PER } from '../trace-rows/bytes/time-unit.ts'

/** Another unit in which a trace's times are more plausible than in its format's. */
export interface UnitDoubt {
  readonly unit: TimeUnit
  readonly because: string
}

/** More rows a second than any trace of one service has. */
const MOST_RATE = 1000
/** Mean gap of whole numbers that are hardly seconds, s. */
const LONG_GAP_S = 100
/** Sizes from which on a number is a time since 1970 in a unit. */
const SINCE_1970: readonly (readonly [from: number, unit: Exclude<TimeUnit, 'iso'>])[] = [
  [1e17, 'ns'],
  [1e14, 'us'],
  [1e11, 'ms'],
  [1e9, 's'],
]

/**
 * Whether times, whose unit the format fixes, look like another unit: by their size, their fractions, and the resulting
 * rate. `texts` are the first of them, `rows` over `spanUs` what was read.
 */
export function unitDoubt(unit: TimeUnit, texts: readonly string[], rows: number, spanUs: number): UnitDoubt | null {
  const numbers = texts.map(Number).filter(Number.isFinite)
  const [first] = numbers
  if (unit === 'iso' || first === undefined) return null
  const since = SINCE_1970.find(([from]) => first >= from)?.[1]
  if (since !== undefined && since !== unit && (since !== 's' || unit !== 'us')) {
    return { unit: since, because: `${texts[0]} is a time since 1970 in ${since}` }
  }
  if (rows < 2) return null
  const seconds = spanUs / 1e6
  const hasFractions = numbers.some((number) => number % 1 !== 0)
  if (unit === 'ms' && hasFractions) return { unit: 's', because: 'they have fractions, as seconds have' }
  if (unit !== 's' && rows > MOST_RATE * seconds && spanUs * (US_PER.s / US_PER[unit]) > US_PER.s) {
    return { unit: 's', because: 'no service gets so many requests a second' }
  }
  if (unit === 's' && !hasFractions && seconds > LONG_GAP_S * (rows - 1)) {
    return { unit: 'ms', because: 'they are whole numbers, and far apart' }
  }
  return null
}
