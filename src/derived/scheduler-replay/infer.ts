import { tokenArrivals } from './arrivals.ts'
import type { ClientRequest, Doubt, EngineStep, InferredJoin } from './model.ts'
import { Replay, type Replayed, type ReplayOptions, USUAL_DELIVERY_NS } from './replay.ts'
import { deliveries, tokenLinks } from './token-links.ts'

/** How many steps must show speculation before a server is taken to speculate. */
const SPECULATING_STEPS = 4
/** How many tokens are needed to know the usual delivery time. */
const ENOUGH_TOKENS = 32

/**
 * Which step made each token, from steps without names and requests as their client saw them: the scheduler is
 * replayed, and checked against the arrival times of tokens. What does not fit its rules is refused or in doubt, never
 * guessed.
 */
export function inferJoin(
  stepsAsGiven: readonly EngineStep[],
  requestsAsGiven: readonly ClientRequest[],
): InferredJoin {
  const steps = [...stepsAsGiven].sort((a, b) => a.tNs - b.tNs)
  const requests = [...requestsAsGiven].sort((a, b) => a.dueNs - b.dueNs || a.id - b.id)
  const tokenBudget = steps.reduce((most, step) => Math.max(most, step.prefillTokens + step.decodeTokens), 0)
  if (speculates(steps)) return { links: [], refused: 'speculative', asynchronous: false, tokenBudget, breaks: {} }
  const attempt = (options: ReplayOptions) => replayed(steps, requests, tokenBudget, options)
  const plain = { asynchronous: false, ordered: true, deliveryNs: USUAL_DELIVERY_NS, shown: false }
  let best = attempt(plain)
  if (breaksOf(best.replay) > 0 && requests.some(({ stopped }) => stopped)) {
    const other = attempt({ ...plain, asynchronous: true })
    if (breaksOf(other.replay) < breaksOf(best.replay)) best = other
  }
  // What counting alone tells shows how far the time at which a token came can be trusted.
  const delays = deliveries(steps, best.all)
  const deliveryNs = Math.max(USUAL_DELIVERY_NS, delays[Math.floor(0.95 * delays.length)] ?? 0)
  best = attempt({ ...best.options, deliveryNs, shown: delays.length >= ENOUGH_TOKENS })
  const { outOfOrder, taken } = best.replay
  const disordered = outOfOrder > 2 && outOfOrder * 20 > taken
  if (disordered) best = attempt({ ...best.options, ordered: false })
  const { breaks } = best.replay
  return {
    links: tokenLinks(steps, best.all),
    refused: null,
    asynchronous: best.options.asynchronous,
    tokenBudget,
    breaks: disordered ? { ...breaks, order: (breaks.order ?? 0) + outOfOrder } : breaks,
  }
}

function replayed(
  steps: readonly EngineStep[],
  requests: readonly ClientRequest[],
  budget: number,
  options: ReplayOptions,
) {
  const all = requests.map(unplayed)
  const replay = new Replay(steps, all, budget, options)
  replay.run()
  return { replay, all, options }
}

function unplayed(request: ClientRequest): Replayed {
  const arrivals = tokenArrivals(request)
  const [first, last] = [request.events[0], request.events.at(-1)]
  return {
    request,
    arrivals,
    firstNs: first?.tNs ?? Number.POSITIVE_INFINITY,
    lastNs: request.outputTokens === null ? request.endNs : (last?.tNs ?? request.endNs),
    stepOf: new Int32Array(arrivals?.length ?? request.outputTokens ?? 0).fill(-1),
    doubt: null,
    lostBy: null,
  }
}

const breaksOf = (replay: Replay) => Object.values(replay.breaks).reduce((sum, n) => sum + n, 0)

/** Most steps that decode run more tokens than requests. */
function speculates(steps: readonly EngineStep[]): boolean {
  const decoding = steps.filter(({ decodes }) => decodes > 0)
  const several = decoding.filter(({ decodes, decodeTokens }) => decodeTokens > decodes)
  return several.length >= SPECULATING_STEPS && several.length * 2 > decoding.length
}

/** Every reason of doubt that a join has, with the events it covers. */
export function doubtsOf(join: InferredJoin): Partial<Record<Doubt, number>> {
  const counts: Partial<Record<Doubt, number>> = {}
  for (const { doubt } of join.links) if (doubt !== null) counts[doubt] = (counts[doubt] ?? 0) + 1
  return counts
}
