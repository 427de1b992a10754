/** Every interval of a report covers with this probability. */
export const COVERAGE = 0.95

/** The percentiles of a report. */
export const PERCENTILES = [0.5, 0.9, 0.99] as const

export interface RankInterval {
  /** The order statistic that is the estimate: the smallest value that at least a share `p` of the rows do not exceed. */
  readonly rank: number
  /** Ranks, from 1, of the order statistics that enclose the percentile. */
  readonly low: number
  readonly high: number
}

/** The rank, from 1, of the `p` quantile of `n` values: ceil(n p), safe from the rounding of n p. */
export function quantileRank(n: number, p: number): number {
  return Math.min(n, Math.max(1, Math.ceil(n * p - n * 1e-12)))
}

/**
 * The fewest independent rows from which a 95 % interval of the `p` quantile can be read at all: the smallest n
 * with 1 - p^n - (1-p)^n >= 0.95, the chance that the quantile lies between the smallest and the largest row.
 * 6 for p50, 29 for p90, 299 for p99.
 */
export function rowsNeeded(p: number): number {
  let n = 2
  while (1 - p ** n - (1 - p) ** n < COVERAGE) n++
  return n
}

/**
 * The exact, distribution-free interval of a quantile: the number B of n independent rows below the true quantile
 * is Binomial(n, p), so X(low) <= quantile <= X(high) holds with probability P(low <= B <= high - 1), or more where
 * values tie. Tails of 2.5 % each where the rows reach that far; where one tail runs out of rows, its limit is the
 * outermost row and the other gives way. Null when fewer than `rowsNeeded(p)` rows are there.
 * (David and Nagaraja, Order Statistics, section 7.1.)
 */
export function rankInterval(n: number, p: number): RankInterval | null {
  if (n < rowsNeeded(p)) return null
  const below = binomialCumulative(n, p)
  const tail = (1 - COVERAGE) / 2
  let low = largest(n, (l) => below(l - 1) <= tail)
  let high = smallest(n, (u) => 1 - below(u - 1) <= tail)
  if (high > n) {
    high = n
    low = largest(n, (l) => below(n - 1) - below(l - 1) >= COVERAGE)
  } else if (low < 1) {
    low = 1
    high = smallest(n, (u) => below(u - 1) - below(0) >= COVERAGE)
  }
  return low < 1 || high > n ? null : { rank: quantileRank(n, p), low, high }
}

/** k -> P(Binomial(n, p) <= k). Summed from the mode by ratios; what lies 12 deviations away is below any double's notice. */
function binomialCumulative(n: number, p: number): (k: number) => number {
  const mode = Math.floor((n + 1) * p)
  const reach = Math.ceil(12 * Math.sqrt(n * p * (1 - p))) + 40
  const from = Math.max(0, mode - reach)
  const to = Math.min(n, mode + reach)
  const weights = new Float64Array(to - from + 1)
  weights[mode - from] = 1
  for (let k = mode; k > from; k--)
    weights[k - 1 - from] = ((weights[k - from] as number) * (k * (1 - p))) / ((n - k + 1) * p)
  for (let k = mode; k < to; k++)
    weights[k + 1 - from] = ((weights[k - from] as number) * ((n - k) * p)) / ((k + 1) * (1 - p))
  let total = 0
  for (let i = 0; i < weights.length; i++) {
    total += weights[i] as number
    weights[i] = total
  }
  return (k) => (k < from ? 0 : k >= to ? 1 : (weights[k - from] as number) / total)
}

/** The largest rank of 0…n that holds; holding must be monotonic, true first. */
function largest(n: number, holds: (rank: number) => boolean): number {
  let low = 0
  let high = n
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (holds(middle)) low = middle
    else high = middle - 1
  }
  return low
}

/** The smallest rank of 1…n+1 that holds (n+1: none); holding must be monotonic, false first. */
function smallest(n: number, holds: (rank: number) => boolean): number {
  let low = 1
  let high = n + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
