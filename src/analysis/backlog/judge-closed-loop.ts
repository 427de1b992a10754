/**
 * A closed loop with K users keeps K requests in flight; those that wait add to every request's latency and nothing to
 * the throughput. By Little's law their share of those in flight is the share of the requests' time that is waiting.
 */
const SATURATED_SHARE = 1 / 3
/** TTFTs of prompts as long differ this much without any queue. */
const NOT_SATURATED_SHARE = 0.15
/** Of the requests in flight, by the engine's own count: a look now and then finds one waiting at a step's border. */
const WAITING_SATURATED = 0.2
const WAITING_NONE = 0.02
const MIN_REQUESTS = 10

export interface ClosedLoop {
  readonly requests: number
  readonly in_flight: number
  readonly waiting_share: number | null
  readonly engine: { readonly waiting_last: number } | null
}

/** The engine's own queue decides where it is known; null where there is too little to judge. */
export function judgeClosedLoop(loop: ClosedLoop): 'saturated' | 'kept_up' | 'undecided' | null {
  const { requests, in_flight: inFlight, waiting_share: share, engine } = loop
  if (requests < MIN_REQUESTS || inFlight <= 0) return null
  if (engine !== null) {
    const waiting = engine.waiting_last / inFlight
    if (waiting >= WAITING_SATURATED) return 'saturated'
    if (waiting <= WAITING_NONE && (share ?? 0) < SATURATED_SHARE) return 'kept_up'
    return 'undecided'
  }
  if (share === null) return null
  return share >= SATURATED_SHARE ? 'saturated' : share < NOT_SATURATED_SHARE ? 'kept_up' : 'undecided'
}
