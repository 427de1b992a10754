import { randomStream } from '../../base/random-stream.ts'
import { quantileRank } from './rank-interval.ts'

/** A rate over the measured span; the interval is null when there are too few requests to resample. */
export interface Rate {
  value: number
  low: number | null
  high: number | null
  /** What was resampled: see docs/metrics.md. */
  method: 'slots' | 'arrivals' | 'time_blocks'
}

export const RESAMPLES = 200
/** Under this many units a resampled interval is far too narrow. */
export const MIN_UNITS = 6

/** Amounts of the units that are resampled (requests or time blocks) and the time each took, s. */
export interface RateUnits {
  readonly amounts: readonly number[]
  readonly seconds: readonly number[]
}

/**
 * A rate with its 95 % percentile-bootstrap interval. `arrivals` and `time_blocks`: the span is fixed, so the rate
 * is the sum of the amounts drawn over it. `slots`: requests follow one another in a fixed number of slots, so
 * drawing long requests makes the run longer: the rate is drawn amounts over drawn seconds, times the mean
 * number of slots in use.
 */
export function resampledRate(units: RateUnits, spanSeconds: number, method: Rate['method'], seed: number): Rate {
  const { amounts, seconds } = units
  const total = sum(amounts)
  const value = total / spanSeconds
  const n = amounts.length
  if (n < MIN_UNITS) return { value, low: null, high: null, method }
  const slots = sum(seconds) / spanSeconds
  const random = randomStream(seed).uniform
  const rates: number[] = []
  for (let i = 0; i < RESAMPLES; i++) {
    let amount = 0
    let time = 0
    for (let j = 0; j < n; j++) {
      const drawn = Math.floor(random() * n)
      amount += amounts[drawn] as number
      time += seconds[drawn] as number
    }
    rates.push(method === 'slots' && time > 0 ? (slots * amount) / time : amount / spanSeconds)
  }
  rates.sort((a, b) => a - b)
  const at = (p: number) => rates[quantileRank(RESAMPLES, p) - 1] as number
  return { value, low: at(0.025), high: at(0.975), method }
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}
