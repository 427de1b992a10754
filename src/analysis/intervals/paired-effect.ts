import { randomStream } from '../../base/random-stream.ts'
import { COVERAGE, rowsNeeded } from './rank-interval.ts'

/** Differences of this many pairs have few enough subsets to take each of them. */
const ALL_SUBSETS = 14
const SUBSETS = 1999

/** The difference between the two halves of a pair, and how much it weighs. */
export interface PairDifference {
  readonly difference: number
  readonly weight: number
}

export interface PairedEffect {
  readonly effect: number
  readonly low: number
  readonly high: number
}

/** The fewest pairs that a 95 % interval can be had of: as many as a median takes, 6. */
export const PAIRS_NEEDED = rowsNeeded(0.5)

/**
 * The weighted mean of paired differences with its 95 % interval; null under `PAIRS_NEEDED` pairs. Where a coin decides which
 * half of a pair is treated, differences less the effect are as likely of either sign, whatever their distribution and
 * weights: the effect is then as likely to lie between any two neighbours among the means of the pairs' subsets, each subset
 * with the same right. So the interval is exact, not approximate (J. A. Hartigan, Using subsample values as typical values, 1969).
 * Up to 14 pairs all subsets are taken, else 1999 that the seed draws.
 */
export function pairedEffect(pairs: readonly PairDifference[], seed: number): PairedEffect | null {
  const n = pairs.length
  if (n < PAIRS_NEEDED) return null
  const means = n <= ALL_SUBSETS ? allMeans(pairs) : drawnMeans(pairs, seed)
  means.sort()
  // Of m means there are m + 1 places that the effect may have among them.
  const out = Math.max(1, Math.floor(((means.length + 1) * (1 - COVERAGE)) / 2))
  return {
    effect: meanOf(pairs, () => true),
    low: means[out - 1] as number,
    high: means[means.length - out] as number,
  }
}

function allMeans(pairs: readonly PairDifference[]): Float64Array {
  const means = new Float64Array(2 ** pairs.length - 1)
  for (let subset = 1; subset <= means.length; subset++) {
    means[subset - 1] = meanOf(pairs, (i) => (subset & (1 << i)) !== 0)
  }
  return means
}

function drawnMeans(pairs: readonly PairDifference[], seed: number): Float64Array {
  const { uniform } = randomStream('subsets', seed)
  const means = new Float64Array(SUBSETS)
  // That one of 15 pairs or more draws nothing is a matter of 1 in 2^15; it is drawn again.
  for (let k = 0; k < SUBSETS; k++) {
    let mean = Number.NaN
    while (Number.isNaN(mean)) mean = meanOf(pairs, () => uniform() < 0.5)
    means[k] = mean
  }
  return means
}

/** NaN of none. */
function meanOf(pairs: readonly PairDifference[], taken: (i: number) => boolean): number {
  let sum = 0
  let weights = 0
  for (const [i, { difference, weight }] of pairs.entries()) {
    if (!taken(i)) continue
    sum += weight * difference
    weights += weight
  }
  return sum / weights
}
