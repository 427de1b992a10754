import { type ClusterRanks, type ClusterSums, clusterRanks } from '../intervals/cluster-interval.ts'
import type { Distribution, Percentile } from '../intervals/distribution.ts'
import { RankFinder } from '../intervals/rank-finder.ts'
import { PERCENTILES, quantileRank } from '../intervals/rank-interval.ts'
import { type GapKind, passGaps } from '../token-events/gap-batches.ts'
import type { TokenEvents } from '../token-events/token-events.ts'

/** A gap this many times the run's median gap is a stall. */
export const STALL_FACTOR = 3

export interface GapFigures {
  distribution: Distribution
  /** Time within stalls, ns. */
  stalledNs: number
  /** What a stall is longer than, ns. */
  stallNs: number | null
  /** Medians as the middle of the two in the middle: of the gaps, and of how far each is from that; ns. */
  usual: { gaps: number; medianNs: number; madNs: number } | null
}

/**
 * The distribution, in ms, of gaps between token events, of which each request gives many. Intervals take the request as
 * the cluster. Exact, in a handful of passes.
 */
export async function gapDistribution(events: TokenEvents, kind: GapKind): Promise<GapFigures> {
  const perRequest = new Float64Array(events.requests.count)
  const finder = new RankFinder()
  const all = { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY, sum: 0 }
  await passGaps(events, kind, ({ count, place, ns, copies }) => {
    finder.count(ns, count, copies)
    // Variables of this function's own: a number that several functions share is made anew at every change.
    let { low, high, sum } = all
    for (let i = 0; i < count; i++) {
      const gap = ns[i] as number
      const at = place[i] as number
      perRequest[at] = (perRequest[at] as number) + (copies[i] as number)
      sum += gap * (copies[i] as number)
      if (gap < low) low = gap
      if (gap > high) high = gap
    }
    Object.assign(all, { low, high, sum })
  })
  const { n } = finder
  if (n === 0) return { distribution: null, stalledNs: 0, stallNs: null, usual: null }
  const ranks = PERCENTILES.map((p) => quantileRank(n, p))
  const middle = [Math.ceil(n / 2), Math.floor(n / 2) + 1]
  await findRanks(events, kind, [{ finder, ranks: [...ranks, ...middle], fromNs: null }])
  const quantiles = ranks.map((rank) => finder.at(rank)) as [number, number, number]
  const medianNs = middleOf(finder, n)
  const deviations = new RankFinder()
  const { above, stalledNs } = await countAbove(events, kind, quantiles, medianNs, deviations)
  const limits = PERCENTILES.map((p, i) => clusterRanks(p, clusterSums(perRequest, above[i] as Float64Array, n)))
  const wanted = limits.flatMap((rank) => ('tooFew' in rank ? [] : [rank.low, rank.high]))
  await findRanks(events, kind, [
    { finder, ranks: wanted, fromNs: null },
    { finder: deviations, ranks: middle, fromNs: medianNs },
  ])
  const percentile = (i: number): Percentile => {
    const rank = limits[i] as ClusterRanks
    if ('tooFew' in rank) return { too_few: rank.tooFew }
    return { value: (quantiles[i] as number) / 1e6, low: finder.at(rank.low) / 1e6, high: finder.at(rank.high) / 1e6 }
  }
  return {
    distribution: {
      n,
      requests: perRequest.filter((gaps) => gaps > 0).length,
      min: all.low / 1e6,
      mean: all.sum / n / 1e6,
      p50: percentile(0),
      p90: percentile(1),
      p99: percentile(2),
      max: all.high / 1e6,
    },
    stalledNs,
    stallNs: STALL_FACTOR * quantiles[0],
    usual: { gaps: n, medianNs, madNs: middleOf(deviations, n) },
  }
}

interface Search {
  readonly finder: RankFinder
  readonly ranks: readonly number[]
  /** Not the gaps but how far they are from this. */
  readonly fromNs: number | null
}

async function findRanks(events: TokenEvents, kind: GapKind, searches: readonly Search[]): Promise<void> {
  let open = searches.filter(({ finder, ranks }) => finder.want(ranks))
  while (open.length > 0) {
    await passGaps(events, kind, ({ count, ns, copies }) => {
      for (const { finder, fromNs } of open) {
        // The last of the searches: the gaps themselves are not needed after it.
        if (fromNs !== null) for (let i = 0; i < count; i++) ns[i] = Math.abs((ns[i] as number) - fromNs)
        finder.add(ns, count, copies)
      }
    })
    open = open.filter(({ finder }) => finder.look())
  }
}

function middleOf(finder: RankFinder, n: number): number {
  return (finder.at(Math.ceil(n / 2)) + finder.at(Math.floor(n / 2) + 1)) / 2
}

/** How many gaps of each request are above each of the quantiles, and the time within stalls. */
async function countAbove(
  events: TokenEvents,
  kind: GapKind,
  [q50, q90, q99]: readonly [number, number, number],
  medianNs: number,
  deviations: RankFinder,
): Promise<{ above: Float64Array[]; stalledNs: number }> {
  const { count: requests } = events.requests
  const [above50, above90, above99] = [
    new Float64Array(requests),
    new Float64Array(requests),
    new Float64Array(requests),
  ]
  let stalledNs = 0
  await passGaps(events, kind, ({ count, place, ns, copies }) => {
    let stalled = 0
    for (let i = 0; i < count; i++) {
      const gap = ns[i] as number
      ns[i] = Math.abs(gap - medianNs)
      if (gap <= q50) continue
      const at = place[i] as number
      const times = copies[i] as number
      above50[at] = (above50[at] as number) + times
      if (gap > q90) above90[at] = (above90[at] as number) + times
      if (gap > q99) above99[at] = (above99[at] as number) + times
      if (gap > STALL_FACTOR * q50) stalled += gap * times
    }
    stalledNs += stalled
    deviations.count(ns, count, copies)
  })
  return { above: [above50, above90, above99], stalledNs }
}

function clusterSums(perRequest: Float64Array, above: Float64Array, rows: number): ClusterSums {
  const sums = { requests: 0, rows, a: 0, aa: 0, am: 0, mm: 0 }
  for (const [at, m] of perRequest.entries()) {
    if (m === 0) continue
    const a = m - (above[at] as number)
    sums.requests++
    sums.a += a
    sums.aa += a * a
    sums.am += a * m
    sums.mm += m * m
  }
  return sums
}
