/**
 * How many values at the front of a series do not belong to its steady state, by MSER (White 1997; with means of batches as
 * the values, MSER-5): the d in 0…n/2 for which the mean of the rest is known best,
 *
 *   z(d) = sum over i > d of (x_i - mean)^2 / (n - d)^2,
 *
 * the smallest such d where several do. Null where d is the largest allowed: the series had not settled by its middle.
 */
export function mserCut(series: readonly number[]): number | null {
  const n = series.length
  const limit = Math.floor(n / 2)
  if (limit === 0) return null
  let best = 0
  let least = Number.POSITIVE_INFINITY
  let mean = 0
  let squares = 0
  // From the back, by Welford's update: a constant stretch has squares of exactly 0.
  for (let d = n - 1; d >= 0; d--) {
    const value = series[d] as number
    const count = n - d
    const off = value - mean
    mean += off / count
    squares += off * (value - mean)
    if (d > limit) continue
    const z = squares / count ** 2
    if (z <= least) {
      least = z
      best = d
    }
  }
  return best === limit ? null : best
}

/** Values that are cut at either end of a series, or why no cut makes the rest steady. */
export type Cuts = { readonly front: number; readonly back: number } | { readonly unsettled: 'front' | 'back' | 'both' }

/** `mserCut` of each of several series that tell of one system, from the front and, reversed, from the back: the longest cuts. */
export function steadyCuts(series: readonly (readonly number[])[]): Cuts {
  const longest = (cuts: (number | null)[]) =>
    cuts.reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)), 0)
  const front = longest(series.map((values) => mserCut(values)))
  const back = longest(series.map((values) => mserCut([...values].reverse())))
  if (front === null) return { unsettled: back === null ? 'both' : 'front' }
  if (back === null) return { unsettled: 'back' }
  return front + back > Math.floor(Math.min(...series.map((values) => values.length)) / 2)
    ? { unsettled: 'both' }
    : { front, back }
}
