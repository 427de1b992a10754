import { expect, it } from 'vitest'
import { loggedRun, loggedTables } from '../../../test/support/logged-run.ts'
import { memoryRun } from '../../../test/support/memory-run.ts'
import { type Simulated, type SimulatedPlan, simulate } from '../../../test/support/simulated-scheduler.ts'
import { interference, victimOf } from './interference.ts'

const PLAN: SimulatedPlan = {
  ...{ seed: 5, requests: 18, budget: 256, sequences: 6, everyMs: 15 },
  ...{ prompts: [17, 60, 900], outputs: [2, 9, 30] },
}

interface Ledger {
  own: number
  wait: number
  between: number
  delivery: number
  /** By request; -1 for those that are not of the run. */
  lost: Map<number, number>
  firstNs: number
  uptoNs: number
  /** Its share of what each of its steps took, of whatever a step takes between two times. */
  ownOf(taken: (fromNs: number, uptoNs: number) => number): number
}

/** The ledger of one request by going through the simulator's steps one by one. */
function ledgerOf({ steps, ran, requests }: Simulated, id: number): Ledger | null {
  const request = requests.find((each) => each.id === id)
  const last = request?.events.at(-1)?.tNs
  if (request === undefined || last === undefined) return null
  const runs = (step: { id: number }) => (ran.get(step.id) ?? []).some(({ request: each }) => each === id)
  const mine = steps.filter((step) => runs(step) && step.tNs >= request.sentNs && step.tNs + step.durNs <= last)
  const [first, end] = [mine[0], mine.at(-1)]
  if (first === undefined || end === undefined) return null
  const ledger = { own: 0, between: 0, lost: new Map<number, number>() }
  let upto = first.tNs
  for (const step of steps.slice(steps.indexOf(first), steps.indexOf(end) + 1)) {
    ledger.between += step.tNs - upto
    upto = step.tNs + step.durNs
    const parts = ran.get(step.id) ?? []
    const tokens = parts.reduce((sum, part) => sum + part.tokens, 0)
    for (const part of parts) {
      const ns = (step.durNs * part.tokens) / tokens
      if (part.request === id) ledger.own += ns
      else {
        const culprit = part.ours ? part.request : -1
        ledger.lost.set(culprit, (ledger.lost.get(culprit) ?? 0) + ns)
      }
    }
  }
  const ownOf = (taken: (fromNs: number, uptoNs: number) => number) =>
    mine.reduce((sum, { id: step, tNs, durNs }) => {
      const parts = ran.get(step) ?? []
      const all = parts.reduce((tokens, part) => tokens + part.tokens, 0)
      const own = parts.reduce((tokens, part) => tokens + (part.request === id ? part.tokens : 0), 0)
      return sum + (taken(tNs, tNs + durNs) * own) / all
    }, 0)
  return { ...ledger, ownOf, firstNs: first.tNs, uptoNs: upto, wait: first.tNs - request.sentNs, delivery: last - upto }
}

it.each<[string, Partial<SimulatedPlan>]>([
  ['a plain server', {}],
  ['preemptions', { cacheTokens: 1500, everyMs: 6 }],
  ["somebody else's requests", { foreign: 0.4 }],
  ['steps that the log lacks', { missing: 0.2 }],
  ['long prompts cut into many steps', { budget: 64, prompts: [17, 1500] }],
])('adds up to the measured time, and names who took it: %s', async (_, more) => {
  for (const seed of [6]) {
    const simulated = simulate({ ...PLAN, ...more, seed })
    const reader = await loggedRun(simulated)
    const all = await interference(reader)
    expect(all?.confidence).toBe('measured')
    // Nothing measured power.
    expect(all).toMatchObject({ energy: null, total: { own_j: null, lost_j: null, between_j: null } })
    let [lost, requests] = [0, 0]
    for (const { id, sentNs, events } of simulated.requests) {
      const truth = ledgerOf(simulated, id)
      const found = await victimOf(reader, id)
      expect(found === null).toBe(truth === null)
      if (truth === null || found === null) continue
      requests++
      expect(found.measured_ms * 1e6).toBeCloseTo((events.at(-1)?.tNs ?? 0) - sentNs, 2)
      expect(found.own_ms * 1e6).toBeCloseTo(truth.own, 1)
      expect(found.wait_ms * 1e6).toBeCloseTo(truth.wait, 1)
      expect(found.between_ms * 1e6).toBeCloseTo(truth.between, 1)
      expect(found.delivery_ms * 1e6).toBeCloseTo(truth.delivery, 1)
      const most = [...truth.lost].sort(([a, x], [b, y]) => y - x || a - b)
      expect(found.lost_ms * 1e6).toBeCloseTo(
        most.reduce((sum, [, ns]) => sum + ns, 0),
        1,
      )
      lost += found.lost_ms
      // Cells, own work, wait and what is unexplained are the measured time.
      const cells = found.lost_to.reduce((sum, { ms }) => sum + ms, found.others_ms)
      expect(cells).toBeCloseTo(found.lost_ms, 6)
      expect(cells + found.own_ms + found.wait_ms + found.between_ms + found.delivery_ms).toBeCloseTo(
        found.measured_ms,
        6,
      )
      for (const { request_id, ms } of found.lost_to)
        expect(ms * 1e6).toBeCloseTo(truth.lost.get(request_id ?? -1) ?? 0, 1)
      expect(found.lost_to[0]?.ms ?? 0).toBeCloseTo((most[0]?.[1] ?? 0) / 1e6, 6)
    }
    expect(all?.requests).toBe(requests)
    expect(requests).toBeGreaterThan(8)
    expect(all?.total.lost_ms).toBeCloseTo(lost, 4)
    for (const { cells } of all?.matrices ?? []) expect(cells.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(lost, 4)
    await reader.close()
  }
})

/** W, linear between samples of a gauge that shows a moment. */
const watts = (tNs: number) => 200 + 90 * Math.sin(tNs / 3e7)
const SAMPLE_NS = 5e6

/** The energy between two times of what lies on the lines between the samples, by a rule of the test's own: trapezoids cut at each sample. */
function joules(fromNs: number, uptoNs: number, zeroNs: number): number {
  let sum = 0
  for (let t = fromNs; t < uptoNs; ) {
    const k = Math.floor((t - zeroNs) / SAMPLE_NS + 1e-9)
    const [a, b] = [zeroNs + k * SAMPLE_NS, zeroNs + (k + 1) * SAMPLE_NS]
    const at = (x: number) => watts(a) + ((watts(b) - watts(a)) * (x - a)) / SAMPLE_NS
    const to = Math.min(b, uptoNs)
    sum += ((at(t) + at(to)) / 2) * ((to - t) / 1e9)
    t = to
  }
  return sum
}

it.each<[string, Partial<SimulatedPlan>]>([
  ['a plain server', {}],
  ['preemptions and requests of somebody else', { cacheTokens: 1500, everyMs: 6, foreign: 0.3 }],
])('divides the energy of the steps as it does their time: %s', async (_, more) => {
  const simulated = simulate({ ...PLAN, ...more, seed: 6 })
  const tables = loggedTables(simulated)
  const ends = simulated.steps.map(({ tNs, durNs }) => tNs + durNs)
  const zeroNs = Math.floor(Math.min(...simulated.steps.map(({ tNs }) => tNs)) - 20 * SAMPLE_NS)
  const n = Math.ceil((Math.max(...ends) - zeroNs) / SAMPLE_NS) + 40
  const counters = Array.from({ length: n }, (_, k) => ({
    ...{ track_id: 7, t_ns: zeroNs + k * SAMPLE_NS },
    value: watts(zeroNs + k * SAMPLE_NS),
  }))
  const gpu = { track_id: 7, layer: 'gpu', name: 'power_draw_instant_w', device: '0 GPU-1 X', unit: 'W' }
  const attrs = JSON.stringify({ kind: 'gauge', period_ms: 5, window_ms: 0, update_ms: 5 })
  const reader = await memoryRun({ ...tables, tracks: [...(tables.tracks ?? []), { ...gpu, attrs }], counters })
  const all = await interference(reader)
  expect(all?.energy).toMatchObject({ scope: 'gpu', confidence: 'modelled' })
  expect(all?.energy?.covered_share).toBeCloseTo(1, 9)
  const stepsJ = simulated.steps.reduce((sum, { tNs, durNs }) => sum + joules(tNs, tNs + durNs, zeroNs), 0)
  expect(all?.energy?.steps_j).toBeCloseTo(stepsJ, 2)
  let [lost, requests] = [0, 0]
  for (const { id } of simulated.requests) {
    const found = await victimOf(reader, id)
    const truth = ledgerOf(simulated, id)
    if (found === null || truth === null) continue
    requests++
    const cells = found.lost_to.reduce((sum, { j }) => sum + (j as number), found.others_j as number)
    expect(cells).toBeCloseTo(found.lost_j as number, 6)
    // Cells, own work and what is between steps are the energy from the first step to the last, exactly.
    const { firstNs, uptoNs } = truth
    expect(cells + (found.own_j as number) + (found.between_j as number)).toBeCloseTo(
      joules(firstNs, uptoNs, zeroNs),
      3,
    )
    expect(found.own_j).toBeCloseTo(
      truth.ownOf((a, b) => joules(a, b, zeroNs)),
      3,
    )
    lost += found.lost_j as number
  }
  expect(requests).toBeGreaterThan(8)
  for (const { cells } of all?.matrices ?? [])
    expect(cells.reduce((sum, { j }) => sum + (j as number), 0)).toBeCloseTo(lost, 4)
  expect(all?.total.lost_j).toBeCloseTo(lost, 4)
  await reader.close()
})

it('names the one long prefill among short decodes', async () => {
  const short = simulate({
    ...PLAN,
    requests: 12,
    prompts: [16],
    outputs: [40],
    everyMs: 2,
    sequences: 16,
    budget: 512,
  })
  // The same scheduler, with one request of a prompt a hundred times as long in the middle.
  const long = short.requests[6]?.id as number
  const prompts = short.ran
  const steps = short.steps.map((step) => {
    const parts = prompts.get(step.id) ?? []
    const has = parts.some(({ request, prefill }) => request === long && prefill)
    return has ? { ...step, durNs: step.durNs + 3e5 } : step
  })
  const ran = new Map(
    [...prompts].map(([id, parts]) => [
      id,
      parts.map((part) => (part.request === long && part.prefill ? { ...part, tokens: 1600 } : part)),
    ]),
  )
  const reader = await loggedRun({ ...short, steps, ran })
  const all = await interference(reader)
  const victims = all?.victims.filter(({ lost_to }) => lost_to.some(({ request_id }) => request_id === long)) ?? []
  expect(victims.length).toBeGreaterThan(3)
  const [first] = victims
  const culprit = first?.lost_to.find(({ request_id }) => request_id === long)
  expect(culprit?.prefill_tokens).toBe(1600)
  expect(culprit?.prefill_ms).toBeGreaterThan(0)
  await reader.close()
})

it('says nothing where it is not known what steps ran', async () => {
  const simulated = simulate(PLAN)
  const reader = await loggedRun({ ...simulated, steps: [] })
  expect(await interference(reader)).toBeNull()
  expect(await victimOf(reader, 0)).toBeNull()
  await reader.close()
})
