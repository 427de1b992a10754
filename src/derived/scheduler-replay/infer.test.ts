import { describe, expect, it } from 'vitest'
import { type SimulatedPlan, simulate } from '../../../test/support/simulated-scheduler.ts'
import { doubtsOf, inferJoin } from './infer.ts'
import type { ClientRequest, EngineStep } from './model.ts'

const SEEDS = 4
const PLAN = {
  ...{ requests: 120, budget: 256, sequences: 16, everyMs: 12 },
  ...{ prompts: [5, 17, 33, 60, 120, 400, 900], outputs: [1, 2, 9, 30, 60] },
}

/** How the links of simulated runs compare with the truth, and which reasons the others have. */
function scored(more: Partial<SimulatedPlan>) {
  const sum = { events: 0, inferred: 0, right: 0, unresolved: 0, preemptions: 0, refused: 0, asynchronous: 0 }
  const breaks: Record<string, number> = {}
  const doubts: Record<string, number> = {}
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { steps, requests, truth, preemptions } = simulate({ ...PLAN, ...more, seed })
    const join = inferJoin(steps, requests)
    const made = new Map(requests.map((request) => [request.id, madeBy(request, truth.get(request.id) ?? [])]))
    sum.events += requests.reduce((total, { events }) => total + events.length, 0)
    sum.preemptions += preemptions
    sum.refused += join.refused === null ? 0 : 1
    sum.asynchronous += join.asynchronous ? 1 : 0
    const inferred = new Set<string>()
    const wrong = new Set<string>()
    for (const { requestId, index, stepId, doubt } of join.links) {
      if (doubt !== null) sum.unresolved++
      else inferred.add(`${requestId} ${index}`)
      if (doubt === null && !made.get(requestId)?.[index]?.includes(stepId)) wrong.add(`${requestId} ${index}`)
    }
    sum.inferred += inferred.size
    sum.right += inferred.size - wrong.size
    for (const [why, n] of Object.entries(join.breaks)) breaks[why] = (breaks[why] ?? 0) + n
    for (const [why, n] of Object.entries(doubtsOf(join))) doubts[why] = (doubts[why] ?? 0) + n
  }
  return { ...sum, precision: sum.right / sum.inferred, recall: sum.right / sum.events, breaks, doubts }
}

/**
 * The steps of each event, by its index: events carry the tokens that the simulation gave them, whether the server
 * counted them or not.
 */
function madeBy({ events }: ClientRequest, steps: readonly number[]): number[][] {
  if (events.length === steps.length) return steps.map((step) => [step])
  const upto = events.map((_, i) => events.slice(0, i + 1).reduce((sum, { tokens }) => sum + (tokens ?? 0), 0))
  return upto.map((end, i) => steps.slice(i === 0 ? 0 : upto[i - 1], end))
}

describe('on plain scheduling 99.9 % of what it says are true, and it says nearly all', () => {
  it.each<[string, Partial<SimulatedPlan>, number]>([
    ['open loop', {}, 0.95],
    ['prompts all alike', { prompts: [64] }, 0.99],
    ['six at once', { atOnce: 6 }, 0.95],
    ['six at once, all alike', { atOnce: 6, prompts: [64], outputs: [20] }, 0.98],
    ['a server that does not say what its cache had', { cachedKnown: false }, 0.9],
    ['more than it can serve', { everyMs: 3, sequences: 4 }, 0.95],
    ['events of four tokens, counted', { streamInterval: 4 }, 0.9],
    ['asynchronous scheduling, understood', { asynchronous: true }, 0.95],
  ])('%s', (_, more, recall) => {
    const score = scored(more)
    expect(score.precision).toBeGreaterThanOrEqual(0.999)
    expect(score.recall).toBeGreaterThanOrEqual(recall)
    expect(score.asynchronous > 0).toBe(more.asynchronous === true)
  })

  it('prompts cut by the budget, cached prefixes and sends that change places are among them', () => {
    const { steps, requests } = simulate({ ...PLAN, seed: 1 })
    expect(
      steps.filter(({ prefillTokens, decodeTokens }) => prefillTokens + decodeTokens === 256).length,
    ).toBeGreaterThan(20)
    expect(requests.filter(({ cachedTokens }) => (cachedTokens ?? 0) > 0).length).toBeGreaterThan(10)
  })
})

describe('what breaks its rules is refused, or left in doubt, and not told wrongly', () => {
  it.each<[string, Partial<SimulatedPlan>, string[]]>([
    ['preemption', { cacheTokens: 1500, everyMs: 6 }, ['preemption']],
    ['preemption, eight at once', { cacheTokens: 700, atOnce: 8, prompts: [60, 120, 200] }, ['preemption']],
    ['shortest prompt first', { shortestFirst: true, sequences: 4, everyMs: 6 }, ['order', 'ambiguous']],
    ['steps that are missing', { missing: 0.01 }, ['missing_steps']],
    ["somebody else's requests", { foreign: 0.05 }, ['foreign']],
    ['steps shorter than deliveries', { stepMs: [1.5, 2.5], everyMs: 4 }, ['ambiguous']],
    ['events of four tokens, not counted', { streamInterval: 4, countsTokens: false }, ['uncounted']],
  ])('%s', (_, more, expected) => {
    const score = scored(more)
    expect(score.precision).toBeGreaterThanOrEqual(0.999)
    expect(score.recall).toBeLessThan(0.95)
    for (const why of expected) expect((score.doubts[why] ?? 0) + (score.breaks[why] ?? 0)).toBeGreaterThan(0)
    if (expected.includes('preemption')) expect(score.preemptions).toBeGreaterThan(SEEDS)
  })

  it('speculative decoding', () => {
    expect(scored({ drafted: 2 })).toMatchObject({ refused: SEEDS, inferred: 0 })
  })
})

describe('tokens that come later than the next step ends are not told wrongly', () => {
  const crowded = { requests: 40, atOnce: 4, prompts: [250], outputs: [60] }
  it.each<[string, Partial<SimulatedPlan>]>([
    ['from far away, all alike', { ...crowded, deliveryMs: [10, 15] }],
    ['from far away, with preemptions', { ...crowded, deliveryMs: [10, 15], cacheTokens: 900 }],
    ['to a busy client, all alike', { ...crowded, deliveryMs: [1.2, 40] }],
    ['to a busy client, with preemptions', { ...crowded, deliveryMs: [1.2, 40], cacheTokens: 900 }],
    ['from far away, short steps', { ...crowded, deliveryMs: [10, 15], stepMs: [1.5, 2.5], cacheTokens: 900 }],
    ['to a busy client, open loop', { deliveryMs: [1.2, 40] }],
    ['from far away, open loop', { deliveryMs: [10, 15] }],
  ])('%s', (_, more) => {
    const score = scored(more)
    expect(score.inferred).toBeGreaterThan(0)
    expect(score.precision).toBeGreaterThanOrEqual(0.999)
  })
})

describe('small cases', () => {
  const step = (id: number, tMs: number, [prefills, prefillTokens, decodes]: [number, number, number]): EngineStep => ({
    ...{ id, tNs: tMs * 1e6, durNs: 8e6, prefills, prefillTokens, decodes, decodeTokens: decodes },
  })
  const request = (id: number, sentMs: number, inputTokens: number, arrivalsMs: number[]): ClientRequest => ({
    ...{ id, dueNs: sentMs * 1e6, sentNs: sentMs * 1e6, endNs: ((arrivalsMs.at(-1) ?? sentMs) + 0.1) * 1e6 },
    ...{ inputTokens, cachedTokens: 0, outputTokens: arrivalsMs.length, stopped: false },
    events: arrivalsMs.map((ms, index) => ({ index, tNs: ms * 1e6, tokens: 1 })),
  })
  const told = (steps: EngineStep[], requests: ClientRequest[]) =>
    inferJoin(steps, requests).links.map(({ requestId, index, stepId, doubt }) => [requestId, index, stepId, doubt])

  it('a prompt in two steps gives its first token with the second; another comes in beside it', () => {
    const steps = [step(1, 0, [1, 10, 0]), step(2, 10, [2, 9, 0]), step(3, 20, [0, 0, 2])]
    const requests = [request(7, -1, 15, [20, 30]), request(8, 1, 4, [21, 30])]
    expect(told(steps, requests)).toEqual([
      [7, 0, 2, null],
      [7, 1, 3, null],
      [8, 0, 2, null],
      [8, 1, 3, null],
    ])
  })

  it('a token that came before its step had ended is not of that step', () => {
    // The profile lacks the step between: the second token cannot be of step 3.
    const steps = [step(1, 0, [1, 10, 0]), step(3, 30, [0, 0, 1])]
    const links = told(steps, [request(7, -1, 10, [10, 20, 40])])
    expect(links.filter(([, , , doubt]) => doubt === null)).not.toContainEqual([7, 1, 3, null])
  })

  it('two alike, sent together, whose first tokens came the other way round: either may have been first', () => {
    const steps = [step(1, 0, [1, 10, 0]), step(2, 10, [1, 10, 1]), step(3, 20, [0, 0, 2])]
    const links = told(steps, [request(7, -1, 10, [24, 30]), request(8, -0.5, 10, [23, 30])])
    expect(links.map(([, , , doubt]) => doubt)).toEqual(Array(4).fill('ambiguous'))
  })

  it('a send that was stamped after its step, by a starved client, does not make the request the next one', () => {
    const steps = [step(1, 0, [1, 10, 0]), step(2, 10, [0, 0, 1]), step(3, 60, [1, 10, 0]), step(4, 70, [0, 0, 1])]
    const late = [request(7, 50, 10, [90, 91]), request(8, 52, 10, [92, 93])].map((each) => ({ ...each, dueNs: -1e6 }))
    const wrong = inferJoin(steps, late).links.filter(({ doubt, requestId, stepId }) => {
      return doubt === null && requestId === 7 && stepId > 2
    })
    expect(wrong).toEqual([])
  })

  it('no steps, or no requests, give no links', () => {
    expect(told([], [request(1, 0, 3, [5])])).toEqual([])
    expect(told([step(1, 0, [1, 3, 0])], [])).toEqual([])
  })
})
