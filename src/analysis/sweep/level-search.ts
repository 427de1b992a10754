/** How a step came out: its load kept the objectives, did not, or was never really offered. */
export type StepOutcome = 'meets' | 'fails' | 'not_offered'

export interface JudgedLevel {
  /** A rate, requests a second, or a concurrency. */
  readonly level: number
  readonly outcome: StepOutcome
}

export interface LevelSearch {
  /** The first level tried. */
  readonly from: number
  /** Nothing below is tried; null: down to a 64th of `from`. */
  readonly low: number | null
  /** Nothing above is tried; null: whatever it takes. */
  readonly high: number | null
  /** Levels are whole numbers. */
  readonly whole: boolean
  /** The search ends when the lowest level that fails is at most this share above the highest that meets. */
  readonly precision: number
}

/**
 * `bracketed`: closed in to the precision. `all_met`, `none_met`: no level that may be tried is known to fail, or to meet.
 * `steps_spent`: MOST_STEPS were not enough.
 */
export type SearchEnd = 'bracketed' | 'all_met' | 'none_met' | 'steps_spent'

export type SearchMove =
  | { readonly end: SearchEnd }
  /** `after`: steps still to come after this one, at most; null while no level has failed, or none has met. */
  | { readonly end: null; readonly level: number; readonly after: number | null }

export const MOST_STEPS = 40
const LOWEST_OF_FROM = 1 / 64

/**
 * What to try after these: twice the level until one fails (half of it until one meets), then the geometric middle
 * between the two, rounded to three digits. A level that could not be offered is as good as failed: above it nothing can
 * be learned.
 */
export function nextMove(search: LevelSearch, tried: readonly JudgedLevel[]): SearchMove {
  const { from, high, whole, precision } = search
  const met = Math.max(...levels(tried, true))
  const failed = Math.min(...levels(tried, false).filter((level) => level > met))
  const between = Number.isFinite(met) && Number.isFinite(failed)
  if (between && (failed <= met * (1 + precision) || (whole && failed - met <= 1))) return { end: 'bracketed' }
  if (tried.length >= MOST_STEPS) return { end: 'steps_spent' }
  if (tried.length === 0) return go(from, null)
  if (between) {
    const middle = whole ? wholeMiddle(met, failed) : middleOf(met, failed)
    // A whole number may be further from the middle than its half: one step more, at most.
    return go(middle, halvings(Math.max(middle / met, failed / middle), precision) + (whole ? 1 : 0))
  }
  if (Number.isFinite(met)) {
    return high !== null && met >= high ? { end: 'all_met' } : go(Math.min(2 * met, high ?? Infinity), null)
  }
  const low = search.low ?? (whole ? 1 : from * LOWEST_OF_FROM)
  const half = whole ? Math.floor(failed / 2) : failed / 2
  return failed <= low ? { end: 'none_met' } : go(Math.max(half, low), null)
}

function go(level: number, after: number | null): SearchMove {
  return { end: null, level, after }
}

function levels(tried: readonly JudgedLevel[], meets: boolean): number[] {
  return tried.filter(({ outcome }) => (outcome === 'meets') === meets).map(({ level }) => level)
}

function middleOf(low: number, high: number): number {
  const middle = Math.sqrt(low * high)
  const rounded = Number(middle.toPrecision(3))
  // Of a very fine precision the rounded one may be an end; and a middle far from the middle would cost a step.
  return Math.abs(rounded / middle - 1) < (high / low - 1) / 20 ? rounded : middle
}

/** Strictly between two whole numbers that are not neighbours. */
function wholeMiddle(low: number, high: number): number {
  return Math.min(high - 1, Math.max(low + 1, Math.round(Math.sqrt(low * high))))
}

/** Steps that bring a bracket of this ratio to the precision. */
function halvings(ratio: number, precision: number): number {
  return Math.max(0, Math.ceil(Math.log2(Math.log(ratio) / Math.log1p(precision))))
}
