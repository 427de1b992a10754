import { type Doubt, type EngineStep, endOf, type InferredLink } from './model.ts'
import type { Replayed } from './replay.ts'

/** An event that arrives longer than this after a step's end is not from that step. */
const MOST_DELIVERY_NS = 50_000_000

/**
 * Links each event to the steps of its tokens; if these are in doubt, to the last step that had ended when it arrived.
 */
export function tokenLinks(steps: readonly EngineStep[], replayed: readonly Replayed[]): InferredLink[] {
  markLate(steps, replayed)
  return replayed.flatMap((each) => linksOf(steps, each))
}

function linksOf(steps: readonly EngineStep[], { request, arrivals, stepOf, doubt, lostBy }: Replayed): InferredLink[] {
  const links: InferredLink[] = []
  let token = 0
  for (const { index, tNs, tokens } of request.events) {
    const count = tokens ?? 1
    const made = stepOf.subarray(token, token + count)
    token += count
    if (count === 0) continue
    const known = arrivals !== null && doubt === null && made.length === count && !made.includes(-1)
    if (known) {
      const shares = new Map<number, number>()
      for (const step of made) shares.set(step, (shares.get(step) ?? 0) + 1 / count)
      for (const [step, share] of shares) {
        links.push({ requestId: request.id, index, stepId: (steps[step] as EngineStep).id, share, doubt: null })
      }
    } else {
      const step = lastEnded(steps, tNs)
      if (step === null || tNs - endOf(step) > MOST_DELIVERY_NS) continue
      const why: Doubt = arrivals === null ? 'uncounted' : (doubt ?? lostBy ?? 'unseen')
      links.push({ requestId: request.id, index, stepId: step.id, share: 1, doubt: why })
    }
  }
  return links
}

/** The last step that had ended by then, of consecutive steps. */
function lastEnded(steps: readonly EngineStep[], tNs: number): EngineStep | null {
  let [low, high] = [0, steps.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (endOf(steps[middle] as EngineStep) <= tNs) low = middle + 1
    else high = middle
  }
  return steps[low - 1] ?? null
}

/**
 * A request most of whose tokens arrive later than others' by half a step or more was matched to steps that are too
 * early: the replay had the wrong request, or the steps of another client. If all tokens are delivered late, "later"
 * means later than 19 of 20.
 */
function markLate(steps: readonly EngineStep[], replayed: readonly Replayed[]): void {
  const delays = replayed.map((each) => delaysOf(steps, each))
  const all = delays.flatMap((each) => each.map(({ delay }) => delay)).sort((a, b) => a - b)
  const usual = all[all.length >> 1] ?? 0
  const spread = (all[Math.floor(0.95 * all.length)] ?? 0) - usual
  for (const [k, each] of replayed.entries()) {
    const of = delays[k] ?? []
    const late = of.filter(({ delay, step }) => delay - usual >= Math.max(step / 2, spread))
    if (late.length * 2 > of.length) each.doubt ??= 'late'
  }
}

/** How long after their steps' ends tokens arrived, ns, ascending, for all tokens with a known step. */
export function deliveries(steps: readonly EngineStep[], replayed: readonly Replayed[]): number[] {
  const told = replayed.filter(({ doubt }) => doubt === null)
  return told.flatMap((each) => delaysOf(steps, each).map(({ delay }) => delay)).sort((a, b) => a - b)
}

/** Of the last token of each event: how long after its step's end it came, and how long it is to the end of the next step. */
function delaysOf(steps: readonly EngineStep[], { request, arrivals, stepOf }: Replayed) {
  if (arrivals === null) return []
  const delays: { delay: number; step: number }[] = []
  let token = -1
  for (const { tNs, tokens } of request.events) {
    token += tokens ?? 1
    const made = stepOf[token] ?? -1
    const [step, next] = [steps[made], steps[made + 1]]
    if (tokens === 0 || step === undefined || next === undefined) continue
    delays.push({ delay: tNs - endOf(step), step: endOf(next) - endOf(step) })
  }
  return delays
}
