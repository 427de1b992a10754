/** The largest distance between the empirical distribution of `values` and `cdf`. */
export function ksDistance(values: readonly number[], cdf: (x: number) => number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const n = sorted.length
  let most = 0
  for (const [i, x] of sorted.entries()) {
    const at = cdf(x)
    most = Math.max(most, (i + 1) / n - at, at - i / n)
  }
  return most
}

/**
 * The distance that a sample of n from the distribution itself exceeds once in a thousand: sqrt(ln(2 / 0.001) / 2) / sqrt(n),
 * Smirnov's limit with Stephens' correction for finite n. For discrete distributions it is exceeded more rarely.
 */
export function ksCritical(n: number): number {
  const root = Math.sqrt(n)
  return Math.sqrt(Math.log(2 / 0.001) / 2) / (root + 0.12 + 0.11 / root)
}

/** For counts: the largest distance between the shares of values <= k and `cdf(k)`, at the values themselves. */
export function ksDistanceOfCounts(values: readonly number[], cdf: (k: number) => number): number {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  let below = 0
  let most = 0
  for (const [value, count] of [...counts].sort(([a], [b]) => a - b)) {
    most = Math.max(most, Math.abs(cdf(value - 1) - below / values.length))
    below += count
    most = Math.max(most, Math.abs(cdf(value) - below / values.length))
  }
  return most
}

/** Standard normal CDF by Simpson's rule on its density: 1e-10, and no series shared with the code under test. */
export function normalCdf(x: number): number {
  if (x < -9) return 0
  if (x > 9) return 1
  return 0.5 + Math.sign(x) * integral((t) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI), 0, Math.abs(x), 400)
}

/** Simpson's rule over an even number of parts. */
export function integral(f: (t: number) => number, from: number, to: number, parts = 2000): number {
  const h = (to - from) / parts
  let sum = f(from) + f(to)
  for (let i = 1; i < parts; i++) sum += f(from + i * h) * (i % 2 === 1 ? 4 : 2)
  return (sum * h) / 3
}
