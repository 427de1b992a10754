import { quantileRank, rowsNeeded } from '../intervals/rank-interval.ts'
import { lateOf } from '../token-events/event-batch.ts'
import type { TokenEvents } from '../token-events/token-events.ts'

/** How the answers came in; of ok measured requests. */
export interface StreamFacts {
  /** Events that carry tokens. */
  events: number
  coalesced_share: number | null
  /** How late an event's stamp can be. */
  late_p99_ms: number | null
  late_max_ms: number | null
  /** Requests whose tokens are counted both by event and by usage, and those where the two differ. */
  counted_twice: number
  counts_differ: number
  /** Sum of the event counts over the sum of the usage counts, minus 1. */
  drift_ratio: number | null
  /** Of requests of at least 8 events: those whose events all came in one instant. */
  buffered_share: number | null
  /** Of the same requests: gaps within one read, of all gaps; events a read, and the time from read to read, medians of requests. */
  burst_share: number | null
  burst_events: number | null
  burst_every_ms: number | null
  /** How late half of the events within one read can be at least, if the latest events are those. */
  burst_late_ms: number | null
}

/** Fewer events than this may well come in one read of an honest stream. */
const MIN_STREAMED = 8

/** What an amortised gap can be taken from. */
export interface AmortizedPlan {
  /** Requests with gaps whose events' tokens are not known. */
  leftOut: number
  /** Every gap comes before an event of one token: the amortised gaps are the raw ones. */
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
  const bursts = burstsOf(events)
  const late = await lateNs(events, bursts.burst_share)
  return {
    stream: {
      events: all.events,
      coalesced_share: all.events === 0 ? null : all.coalesced / all.events,
      late_p99_ms: msOf(late.p99Ns),
      late_max_ms: all.events === 0 ? null : events.latestNs / 1e6,
      counted_twice: all.countedTwice,
      counts_differ: all.differ,
      drift_ratio: all.usage === 0 ? null : all.tokens / all.usage - 1,
      buffered_share: all.streamed === 0 ? null : all.buffered / all.streamed,
      ...bursts,
      burst_late_ms: msOf(late.burstNs),
    },
    amortized: { leftOut: plan.leftOut, sameAsRaw: plan.leftOut === 0 && plan.bundled === 0 },
  }
}

/** How events come together, of requests that were streamed; medians over the requests. */
function burstsOf({
  requests,
  sums,
}: TokenEvents): Pick<StreamFacts, 'burst_share' | 'burst_events' | 'burst_every_ms'> {
  const sizes: number[] = []
  const everyNs: number[] = []
  let [together, gaps] = [0, 0]
  for (let at = 0; at < requests.count; at++) {
    const count = sums.events[at] as number
    if (requests.answered[at] === 0 || count < MIN_STREAMED) continue
    const same = sums.sameRead[at] as number
    together += same
    gaps += count - 1
    sizes.push(count / (count - same))
    if (count - same > 1)
      everyNs.push(((sums.lastNs[at] as number) - (sums.firstNs[at] as number)) / (count - same - 1))
  }
  const every = medianOf(everyNs)
  return {
    burst_share: gaps === 0 ? null : together / gaps,
    burst_events: medianOf(sizes),
    burst_every_ms: every === null ? null : every / 1e6,
  }
}

function medianOf(values: readonly number[]): number | null {
  const sorted = Float64Array.from(values).sort()
  return sorted[sorted.length >> 1] ?? null
}

/**
 * How late stamps can be: the p99, and what half of the events that came together exceed, taking them for the latest ones.
 * A client that read late makes bursts of its own only where that many of its stamps are late.
 */
async function lateNs(
  { requests, late, pass }: TokenEvents,
  burstShare: number | null,
): Promise<{ p99Ns: number | null; burstNs: number | null }> {
  const p99 = late.n < rowsNeeded(0.99) ? null : quantileRank(late.n, 0.99)
  const burst = late.n === 0 || !burstShare ? null : quantileRank(late.n, 1 - burstShare / 2)
  let values = new Float64Array(0)
  let more = late.want([p99, burst].filter((rank) => rank !== null))
  while (more) {
    await pass((batch) => {
      if (values.length < batch.rows) values = new Float64Array(batch.rows)
      late.add(values, lateOf(batch, requests.answered, values))
    })
    more = late.look()
  }
  return { p99Ns: p99 === null ? null : late.at(p99), burstNs: burst === null ? null : late.at(burst) }
}

function msOf(ns: number | null): number | null {
  return ns === null ? null : ns / 1e6
}
