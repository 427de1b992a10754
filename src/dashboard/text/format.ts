import type { Distribution, Percentile } from '../../analysis/intervals/distribution.ts'
import type { Rate } from '../../analysis/intervals/rate-resampling.ts'
import { duration, durationUnit, threeDigits, wholeNumber } from '../../analysis/quantity.ts'

export const NOTHING = '–'

export function durationOr(ms: number | null): string {
  return ms === null ? NOTHING : duration(ms)
}

/** `12.3 (11.9–12.8)`, or `too few (<29)`: the requests it would take. */
export function percentileText(percentile: Percentile, perMs: number): string {
  if ('too_few' in percentile) return `too few (<${wholeNumber(percentile.too_few)})`
  const { value, low, high } = percentile
  return interval(value * perMs, low * perMs, high * perMs)
}

export function interval(value: number, low: number, high: number): string {
  return `${threeDigits(value)} (${threeDigits(low)}–${threeDigits(high)})`
}

/** `41.2 tok/s (38.0–44.1)`; without limits where there were too few requests for them. */
export function rateText(rate: Rate, unit: string): string {
  const limits = rate.low === null || rate.high === null ? '' : ` (${threeDigits(rate.low)}–${threeDigits(rate.high)})`
  return `${threeDigits(rate.value)} ${unit}${limits}`
}

/** A distribution in the one unit that suits its middle. */
export function distributionCells(distribution: NonNullable<Distribution>) {
  const { unit, perMs } = durationUnit('value' in distribution.p50 ? distribution.p50.value : distribution.mean)
  const { n, min, p50, p90, p99, max } = distribution
  return {
    unit,
    n: wholeNumber(n),
    percentiles: [p50, p90, p99].map((percentile) => percentileText(percentile, perMs)),
    min: threeDigits(min * perMs),
    max: threeDigits(max * perMs),
  }
}

/** Under this many columns, tables omit optional columns. */
export const NARROW = 96
