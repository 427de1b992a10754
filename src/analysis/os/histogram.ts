/** Counts by bins from `low` to `high`, both within, in rising order. */
export type HistogramBins = readonly { readonly low: number; readonly high: number; readonly n: number }[]

/** The bin that the value of rank ceil(share x n) lies in; null of nothing. */
export function quantileBin(bins: HistogramBins, share: number): { low: number; high: number } | null {
  const all = bins.reduce((sum, { n }) => sum + n, 0)
  let left = Math.ceil(share * all)
  for (const { low, high, n } of bins) {
    left -= n
    if (left <= 0 && n > 0) return { low, high }
  }
  return null
}
