import { type EventBatch, NOT_COUNTED } from './event-batch.ts'
import type { TokenEvents } from './token-events.ts'

/** More tokens than this in one event are no count. */
const MOST_TOKENS = 65_536

/** Gaps between token events of timed requests. The arrays are used again for the next batch: they may be written to. */
export interface GapBatch {
  count: number
  place: Int32Array
  ns: Float64Array
  /** So many times each gap counts. */
  copies: Int32Array
}

/** How gaps are taken: each as it is, or shared out over the tokens of the event after it. */
export type GapKind = 'raw' | 'amortized'

/** A pass over all gaps of timed requests. */
export async function passGaps(events: TokenEvents, kind: GapKind, visit: (gaps: GapBatch) => void): Promise<void> {
  const { timed, count } = events.requests
  const lastNs = new Float64Array(count).fill(Number.NaN)
  const tokensOf = kind === 'raw' ? null : knownTokens(events)
  const gaps: GapBatch = { count: 0, place: new Int32Array(0), ns: new Float64Array(0), copies: new Int32Array(0) }
  await events.pass((batch) => {
    if (batch.rows > gaps.place.length) {
      gaps.place = new Int32Array(batch.rows)
      gaps.ns = new Float64Array(batch.rows)
      gaps.copies = new Int32Array(batch.rows).fill(1)
    }
    if (tokensOf === null) fillRaw(gaps, batch, timed, lastNs)
    else fillAmortized(gaps, batch, tokensOf, lastNs)
    visit(gaps)
  })
}

function fillRaw(gaps: GapBatch, { rows, place, tNs }: EventBatch, timed: Uint8Array, lastNs: Float64Array): void {
  let n = 0
  for (let i = 0; i < rows; i++) {
    const at = place[i] as number
    if (at < 0 || timed[at] === 0) continue
    const gap = (tNs[i] as number) - (lastNs[at] as number)
    lastNs[at] = tNs[i] as number
    // Not a number before the first.
    if (Number.isNaN(gap)) continue
    gaps.place[n] = at
    gaps.ns[n] = gap
    n++
  }
  gaps.count = n
}

const [LEFT_OUT, AS_COUNTED, ONE_EACH] = [0, 1, 2] as const

/** How the tokens of a request's events are known: the server says it of each, or there are as many events as tokens. */
function knownTokens({ requests, sums }: TokenEvents): Uint8Array {
  return Uint8Array.from(requests.timed, (timed, at) => {
    if (timed === 0) return LEFT_OUT
    if (sums.unknown[at] === 0) return AS_COUNTED
    return sums.events[at] === requests.outputTokens[at] ? ONE_EACH : LEFT_OUT
  })
}

/**
 * A gap before an event of k tokens counts k times, each as its k-th part. An event without tokens does not cut a gap.
 */
function fillAmortized(
  gaps: GapBatch,
  { rows, place, tNs, tokens }: EventBatch,
  tokensOf: Uint8Array,
  lastNs: Float64Array,
): void {
  let n = 0
  for (let i = 0; i < rows; i++) {
    const at = place[i] as number
    const known = at < 0 ? LEFT_OUT : tokensOf[at]
    if (known === LEFT_OUT) continue
    const copies = known === ONE_EACH ? 1 : (tokens[i] as number)
    if (copies < 1 || copies > MOST_TOKENS || copies === NOT_COUNTED) continue
    const gap = (tNs[i] as number) - (lastNs[at] as number)
    lastNs[at] = tNs[i] as number
    if (Number.isNaN(gap)) continue
    gaps.place[n] = at
    gaps.ns[n] = gap / copies
    gaps.copies[n] = copies
    n++
  }
  gaps.count = n
}
