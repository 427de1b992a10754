import { rowsNeeded } from './rank-interval.ts'

/** What the rows at or below a quantile's estimate q look like, request by request: m_i rows, a_i of them <= q. */
export interface ClusterSums {
  readonly requests: number
  readonly rows: number
  /** Sums over requests of a_i, a_i^2, a_i m_i and m_i^2. */
  readonly a: number
  readonly aa: number
  readonly am: number
  readonly mm: number
}

export type ClusterRanks = { readonly low: number; readonly high: number } | { readonly tooFew: number }

/**
 * Ranks that enclose the `p` quantile of pooled rows whose requests, not rows, are independent (Woodruff 1952;
 * Lohr, Sampling: Design and Analysis, section 9.5.2). The share F = sum a_i / sum m_i of rows <= q is a ratio of
 * request totals, so its variance is
 *
 *   v = k/(k-1) * sum (a_i - F m_i)^2 / (sum m_i)^2,   k requests,
 *
 * taken to be at least p(1-p)/n, that of independent rows, so that requests which happen to look alike do not
 * give an interval of no width. p -+ t sqrt(v), t the 97.5 % point of Student's t with k-1 degrees of freedom, is
 * read back through the pooled distribution. Where that leaves 0…1, `tooFew` is the number of requests like
 * these that would do.
 */
export function clusterRanks(p: number, sums: ClusterSums): ClusterRanks {
  const { requests: k, rows: n } = sums
  if (k < 2 || n < 1) return { tooFew: Math.max(2, k > 0 ? Math.ceil((rowsNeeded(p) * k) / Math.max(1, n)) : 2) }
  const share = sums.a / n
  const squares = Math.max(0, sums.aa - 2 * share * sums.am + share * share * sums.mm)
  const variance = Math.max((k / (k - 1)) * (squares / (n * n)), (p * (1 - p)) / n)
  const half = studentT975(k - 1) * Math.sqrt(variance)
  if (n < rowsNeeded(p) || p - half <= 0 || p + half >= 1) return { tooFew: requestsNeeded(p, k, n, variance) }
  return { low: Math.max(1, Math.floor(n * (p - half))), high: Math.min(n, Math.ceil(n * (p + half))) }
}

/** Requests like these k that would bring the interval inside 0…1; variance falls as 1/k. */
function requestsNeeded(p: number, k: number, n: number, variance: number): number {
  const room = Math.min(p, 1 - p)
  const fits = (requests: number) =>
    (n / k) * requests >= rowsNeeded(p) && studentT975(requests - 1) * Math.sqrt((variance * k) / requests) < room
  let high = k + 1
  while (!fits(high)) high *= 2
  let low = Math.max(k, Math.floor(high / 2))
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (fits(middle)) high = middle
    else low = middle
  }
  return high
}

const T975 = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281] as const
const Z975 = 1.959963985

/** The 97.5 % point of Student's t: a table up to 10 degrees of freedom, then the expansion in 1/df (error < 1e-4). */
export function studentT975(df: number): number {
  const tabled = T975[df - 1]
  if (tabled !== undefined) return tabled
  const z = Z975
  return (
    z +
    (z ** 3 + z) / (4 * df) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * df ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * df ** 3)
  )
}
