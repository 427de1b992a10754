import { RankFinder } from '../intervals/rank-finder.ts'
import { quantileRank, rowsNeeded } from '../intervals/rank-interval.ts'
import type { StreamFacts } from '../report.ts'
import type { TokenEvents } from '../token-events/token-events.ts'

/** Fewer events than this may well come in one read of an honest stream. */
const MIN_STREAMED = 8

/** What an amortised gap can be taken from. */
export interface AmortizedPlan {
  /** Requests with gaps whose events' tokens are not known. */
  leftOut: number
  /** Every gap stands before an event of one token: the amortised gaps are the raw ones. */
  sameAsRaw: boolean
}

/** Definitions: docs/metrics.md. */
export async function streamFacts(events: TokenEvents): Promise<{ stream: StreamFacts; amortized: AmortizedPlan }> {
  const { requests, sums } = events
  const all = { events: 0, coalesced: 0, buffered: 0, streamed: 0, countedTwice: 0, differ: 0, tokens: 0, usage: 0 }
  const plan = { leftOut: 0, bundled: 0 }
  for (let at = 0; at < requests.count; at++) {
    const count = sums.events[at] as number
    if (requests.answered[at] === 0 || count === 0) continue
    const known = sums.unknown[at] === 0
    const tokens = sums.tokens[at] as number
    const output = requests.outputTokens[at] as number
    all.events += count
    all.coalesced += sums.coalesced[at] as number
    if (count >= MIN_STREAMED) {
      all.streamed++
      if (sums.firstNs[at] === sums.lastNs[at]) all.buffered++
    }
    if (known && requests.usage[at] === 1 && output >= 0) {
      all.countedTwice++
      if (tokens !== output) all.differ++
      all.tokens += tokens
      all.usage += output
    }
    if (count < 2) continue
    if (!known && count !== output && requests.timed[at] === 1) plan.leftOut++
    if (known && (sums.bundled[at] as number) > 0) plan.bundled++
  }
  const late = await lateness(events)
  return {
    stream: {
      events: all.events,
      coalesced_share: all.events === 0 ? null : all.coalesced / all.events,
      late_p99_ms: all.events < rowsNeeded(0.99) ? null : late.p99Ns / 1e6,
      late_max_ms: all.events === 0 ? null : late.maxNs / 1e6,
      counted_twice: all.countedTwice,
      counts_differ: all.differ,
      drift_ratio: all.usage === 0 ? null : all.tokens / all.usage - 1,
      buffered_share: all.streamed === 0 ? null : all.buffered / all.streamed,
    },
    amortized: { leftOut: plan.leftOut, sameAsRaw: plan.leftOut === 0 && plan.bundled === 0 },
  }
}

/** How late the stamps of answered requests' events can be; what there is of none means nothing. */
async function lateness(events: TokenEvents): Promise<{ p99Ns: number; maxNs: number }> {
  const { answered } = events.requests
  const finder = new RankFinder()
  let maxNs = Number.NEGATIVE_INFINITY
  let values = new Float64Array(0)
  const pass = (visit: (values: Float64Array, count: number) => void) =>
    events.pass(({ rows, place, lateNs }) => {
      if (values.length < rows) values = new Float64Array(rows)
      let count = 0
      for (let i = 0; i < rows; i++) {
        const at = place[i] as number
        if (at < 0 || answered[at] === 0) continue
        const late = lateNs[i] as number
        values[count++] = late
        if (late > maxNs) maxNs = late
      }
      visit(values, count)
    })
  await pass((late, count) => finder.count(late, count))
  if (finder.n === 0) return { p99Ns: Number.NaN, maxNs }
  const rank = quantileRank(finder.n, 0.99)
  let more = finder.want([rank])
  while (more) {
    await pass((late, count) => finder.add(late, count))
    more = finder.look()
  }
  return { p99Ns: finder.at(rank), maxNs }
}
