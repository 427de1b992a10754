/** Null where nothing was measured. `requests` is the number of requests the `n` values come from. */
export type Distribution = {
  n: number
  requests: number
  min: number
  mean: number
  p50: Percentile
  p90: Percentile
  p99: Percentile
  max: number
} | null

/** A quantile with the limits of its 95 % interval, or how many requests like these it would take. */
export type Percentile = { value: number; low: number; high: number } | { too_few: number }
