import { type Candidate, chooseIntake, type Intake } from './admission.ts'
import { type ClientRequest, type Doubt, type EngineStep, endOf } from './model.ts'

/** Clocks of two sources differ a little: a token may seem to arrive this long before its step has ended. */
export const TOLERANCE_NS = 500_000
/** Most first tokens arrive sooner than this after their step's end, unless later arrivals are seen. */
export const USUAL_DELIVERY_NS = 6_000_000
/** Over how many steps a request's tokens must fit when a replay starts in the middle of its answer. */
const FIT_STEPS = 64
/** How many tokens' delivery times are kept. */
const DELAYS = 256
/** The usual pause between two steps of an engine that has work. */
const MOST_GAP_NS = 2_000_000
/** How many tokens before the sign of a missing step may be shifted as well. */
const UNSURE_TOKENS = 16
/** How many tokens a replay that started within an answer must explain up to its end, for the end to confirm them. */
const CONFIRMING_TOKENS = 16
/** Requests sent this close together may reach the scheduler in the other order. */
const REORDER_NS = 5_000_000

/** A request and what the replay knows of it. */
export interface Replayed {
  readonly request: ClientRequest
  /** When each token arrived; null if that is not known. */
  readonly arrivals: Float64Array | null
  readonly firstNs: number
  readonly lastNs: number
  /** Number of the step of each token, -1 where not known. */
  readonly stepOf: Int32Array
  /** Why its tokens cannot be inferred; null: they can. */
  doubt: Doubt | null
  /** With this, its remaining tokens were lost. */
  lostBy: Doubt | null
}

interface Running {
  readonly of: Replayed
  /** Prompt tokens not run yet, at most; 0: it decodes. */
  left: number
  /** Whether `left` is known exactly. */
  exact: boolean
  /** Tokens so far. */
  tokens: number
  /** Where the replay began with it, as long as nothing has confirmed it. */
  readonly since: number | null
}

export interface ReplayOptions {
  readonly asynchronous: boolean
  /** Whether requests are admitted in the order of sending. */
  readonly ordered: boolean
  /** Most tokens arrive sooner than this after their step's end. */
  readonly deliveryNs: number
  /**
   * Whether that was observed: then a replay that starts within an answer needs no other sign, if steps are longer than
   * it.
   */
  readonly shown: boolean
}

/**
 * Replays the scheduler of vLLM over its steps: all requests that decode run one token each, a prompt that was cut
 * continues, then waiting requests are admitted, first come first served, while the step has room. Which were admitted
 * follows from the numbers. If the numbers do not fit, the running requests are lost, and the replay restarts at a step
 * where all running requests have tokens and the numbers agree.
 */
export class Replay {
  readonly breaks: Partial<Record<Doubt, number>> = {}
  /** Requests admitted before others that had waited clearly longer. */
  outOfOrder = 0
  taken = 0
  private readonly steps: readonly EngineStep[]
  private readonly budget: number
  private readonly options: ReplayOptions
  /** By when they were due. */
  private readonly requests: readonly Replayed[]
  private next = 0
  private waiting: Replayed[] = []
  private running: Running[] = []
  /** Requests that got their last token in the step before: whether it was their last shows in the next step. */
  private ended: Running[] = []
  private zombies = 0
  /**
   * Whether it knows the running requests; while it does not, requests that are sent and not finished are `outside`.
   */
  private inStep = false
  private outside: Replayed[] = []
  private prefilledBefore = false
  /** The shortest time from a step's end to its tokens, over the last few. */
  private readonly delays: number[] = []
  private emitted = 0

  constructor(steps: readonly EngineStep[], requests: readonly Replayed[], budget: number, options: ReplayOptions) {
    this.steps = steps
    this.requests = requests
    this.budget = budget
    this.options = options
  }

  run(): void {
    for (const [i, step] of this.steps.entries()) {
      if (step.prefills + step.decodes === 0) continue
      if (this.inStep || this.begin(i, step)) {
        const doubt = this.play(i, step)
        if (doubt !== null) this.lose(doubt)
      }
      this.prefilledBefore = step.prefills > 0
    }
    this.forget('unseen')
  }

  private lose(doubt: Doubt): void {
    this.breaks[doubt] = (this.breaks[doubt] ?? 0) + 1
    for (const { of, tokens } of this.running) {
      of.lostBy = doubt
      // A missing step shifts all tokens after it: it shows at the first token that arrives too early, which may be
      // some tokens later.
      if (doubt === 'missing_steps') of.stepOf.fill(-1, Math.max(0, tokens - UNSURE_TOKENS))
    }
    this.forget(doubt)
    for (const of of this.waiting) of.lostBy = doubt
    this.outside = [...this.waiting, ...this.running.map(({ of }) => of)]
    this.running = []
    this.waiting = []
    this.zombies = 0
    this.inStep = false
  }

  /** Requests whose replay started within an answer and was never confirmed by its end. */
  private forget(doubt: Doubt): void {
    for (const { of, since } of [...this.running, ...this.ended]) {
      if (since === null) continue
      of.stepOf.fill(-1, since)
      of.lostBy = doubt
    }
  }

  /** Replays one step; returns what does not fit. */
  private play(i: number, step: EngineStep): Doubt | null {
    this.arrive(endOf(step))
    const decoding = this.running.filter(({ left }) => left === 0)
    if (step.decodeTokens !== step.decodes) return 'preemption'
    if (step.decodes !== decoding.length + this.zombies) {
      return step.decodes < decoding.length + this.zombies ? 'preemption' : 'foreign'
    }
    const taken = this.takeIn(i, step)
    if (typeof taken === 'string') return taken
    this.zombies = 0
    this.ended = []
    const emitting = [...decoding, ...taken]
    if (emitting.some((each) => this.tooEarly(each, step))) return 'missing_steps'
    for (const each of emitting) this.emit(each, i)
    return null
  }

  /** Requests whose prompt the step finishes; those that it admits run from now on. */
  private takeIn(i: number, step: EngineStep): Running[] | Doubt {
    const room = this.budget - step.decodeTokens
    const cut = room > 0 ? this.running.filter(({ left }) => left > 0) : []
    const count = step.prefills - cut.length
    if (count < 0) return 'preemption'
    const full = step.prefillTokens >= room
    const next = this.steps[i + 1]
    const firstBefore = next === undefined ? Number.NEGATIVE_INFINITY : endOf(next) - TOLERANCE_NS
    const quick = firstBefore - endOf(step) > this.options.deliveryNs
    if (count === 0) {
      const [only, another] = cut
      if (only === undefined) return step.prefillTokens === 0 ? [] : 'foreign'
      if (another !== undefined) return 'order'
      return advance(only, step.prefillTokens, full, only.of.firstNs < firstBefore)
    }
    // Others are admitted: those that were cut have finished their prompts.
    const before = cut.reduce((sum, { left }) => sum + left, 0)
    const exact = cut.every((each) => each.exact)
    const tokens = exact ? step.prefillTokens - before : step.prefillTokens
    const fresh = this.choose(step, { count, tokens, others: exact ? 0 : before, full, firstBefore, quick })
    if (fresh === null) return 'foreign'
    for (const each of cut) each.left = 0
    this.running.push(...fresh)
    return [...cut, ...fresh.filter(({ left }) => left === 0)]
  }

  private choose(step: EngineStep, intake: Omit<Intake, 'reorderNs'>): Running[] | null {
    const reorderNs = this.options.ordered ? REORDER_NS : Number.POSITIVE_INFINITY
    // Requests whose send was stamped after the step are tried if the others do not fit.
    const due = this.waiting.filter(({ request }) => request.dueNs <= step.tNs)
    for (const possible of [
      due.filter(({ request, firstNs }) => request.sentNs <= step.tNs || firstNs < intake.firstBefore),
      due,
    ]) {
      const choice = chooseIntake(possible.map(candidate), { ...intake, reorderNs })
      if (choice === null) continue
      for (const k of choice.doubtful) (possible[k] as Replayed).doubt = 'ambiguous'
      const chosen = choice.chosen.map((k) => possible[k] as Replayed)
      this.countOrder(possible, chosen)
      this.waiting = this.waiting.filter((each) => !chosen.includes(each))
      return started(chosen, choice.cut === null ? null : (possible[choice.cut] as Replayed), intake)
    }
    return null
  }

  private countOrder(possible: readonly Replayed[], chosen: readonly Replayed[]): void {
    const last = chosen.at(-1)
    const passed = possible.find((each) => !chosen.includes(each))
    this.taken += chosen.length
    if (last !== undefined && passed !== undefined && passed.request.sentNs < last.request.sentNs - REORDER_NS) {
      this.outOfOrder++
    }
  }

  private tooEarly({ of, tokens }: Running, step: EngineStep): boolean {
    const arrival = of.arrivals?.[tokens]
    return arrival !== undefined && arrival < endOf(step) - TOLERANCE_NS
  }

  private emit(each: Running, i: number): void {
    const { of } = each
    if (each.tokens < of.stepOf.length) of.stepOf[each.tokens] = i
    const arrival = of.arrivals?.[each.tokens]
    if (arrival !== undefined) this.delays[this.emitted++ % DELAYS] = arrival - endOf(this.steps[i] as EngineStep)
    each.tokens++
    if (each.tokens < (of.request.outputTokens ?? Number.POSITIVE_INFINITY)) return
    this.running.splice(this.running.indexOf(each), 1)
    this.ended.push(each)
    if (this.options.asynchronous && of.request.stopped) this.zombies++
  }

  /** Those that may have been sent by then, in the order of their sends. */
  private arrive(until: number): void {
    const from = this.next
    while ((this.requests[this.next]?.request.dueNs ?? Number.POSITIVE_INFINITY) <= until) this.next++
    if (from === this.next) return
    const into = this.inStep ? this.waiting : this.outside
    into.push(...this.requests.slice(from, this.next))
    into.sort((a, b) => a.request.sentNs - b.request.sentNs)
  }

  /**
   * Starts at a step in which all requests with tokens decode and nothing else runs, or at one that only admits
   * requests.
   */
  private begin(i: number, step: EngineStep): boolean {
    if (step.decodes !== step.decodeTokens) return false
    const next = this.steps[i + 1]
    // A step may be missing behind it.
    if (step.decodes > 0 && next !== undefined && next.tNs - endOf(step) > Math.max(MOST_GAP_NS, step.durNs / 2))
      return false
    const [start, end] = [step.tNs, endOf(step)]
    this.arrive(end)
    this.outside = this.outside.filter(
      ({ request, lastNs }) => lastNs >= start - TOLERANCE_NS && request.endNs >= start,
    )
    const open = this.outside.filter(({ lastNs }) => lastNs >= end - TOLERANCE_NS)
    const active = open.filter(({ firstNs }) => firstNs < start)
    if (active.length !== step.decodes) return false
    const fresh = open.filter(({ firstNs }) => firstNs >= start)
    if (step.prefills > 0) {
      // A half-finished prompt would be taken for a new one.
      if (active.length > 0 || this.prefilledBefore) return false
    }
    const running = active.map((of) => this.amidst(of, i))
    if (running.some((each) => each === null)) return false
    this.running = running as Running[]
    this.waiting = fresh
    this.outside = []
    this.inStep = true
    return true
  }

  /**
   * The token that it makes in step `i`: by the arrival times of tokens, over the following steps; null if they do not
   * decide.
   */
  private amidst(of: Replayed, i: number): Running | null {
    const { arrivals } = of
    if (arrivals === null) return null
    const steps = this.steps.slice(i, i + 2 * FIT_STEPS).filter(({ decodes }) => decodes > 0)
    const [first, last] = [steps[0] as EngineStep, steps.at(-1) as EngineStep]
    const quick = (endOf(last) - endOf(first)) / Math.max(1, steps.length - 1) > this.options.deliveryNs
    const from = this.fitted(arrivals, steps.slice(0, FIT_STEPS))
    // A missing step shows if fewer steps lead to another result.
    const others = [FIT_STEPS / 8, ...(quick ? [2] : [])].map((count) => this.fitted(arrivals, steps.slice(0, count)))
    if (from === null || others.some((other) => other !== from)) return null
    // If the answer ends soon, its end confirms little.
    if (!quick && of.stepOf.length - from < CONFIRMING_TOKENS) return null
    return { of, left: 0, exact: true, tokens: from, since: quick && this.options.shown ? null : from }
  }

  private fitted(arrivals: Float64Array, steps: readonly EngineStep[]): number | null {
    /** How soon its tokens come at the least if the first of the steps makes this one. */
    const soonest = (from: number) => {
      let least = Number.POSITIVE_INFINITY
      for (let k = 0; k < steps.length && from + k < arrivals.length; k++) {
        least = Math.min(least, (arrivals[from + k] as number) - endOf(steps[k] as EngineStep))
      }
      return least
    }
    let from = 0
    while (from < arrivals.length && soonest(from) < -TOLERANCE_NS) from++
    if (this.delays.length === DELAYS) {
      const usual = Math.min(...this.delays)
      const off = (token: number) => Math.abs(soonest(token) - usual)
      while (from + 1 < arrivals.length && off(from + 1) < off(from)) from++
    }
    return from === 0 || from === arrivals.length ? null : from
  }
}

/** A prompt that continues is finished with this step if the step had room for more. */
function advance(each: Running, tokens: number, full: boolean, mustEnd: boolean): Running[] | Doubt {
  if (tokens < 1 || tokens > each.left) return 'preemption'
  const ends = each.exact ? tokens === each.left : !full || tokens === each.left || mustEnd
  if (!ends && !full) return 'preemption'
  each.left = ends ? 0 : each.left - tokens
  return ends ? [each] : []
}

/** Requests that were admitted: all but the one that was cut have run their prompts. */
function started(
  chosen: readonly Replayed[],
  cut: Replayed | null,
  { tokens, others }: Omit<Intake, 'reorderNs'>,
): Running[] {
  const needs = chosen.map(needOf)
  const exact = others === 0 && needs.every(({ least, most }) => least === most)
  const most = needs.reduce((sum, need) => sum + need.most, 0)
  return chosen.map((of) => {
    if (of !== cut) return { of, left: 0, exact: true, tokens: 0, since: null }
    // If the others' tokens are not known, it had at least one of these.
    return { of, left: Math.max(1, exact ? most - tokens : needOf(of).most - 1), exact, tokens: 0, since: null }
  })
}

function needOf({ request }: Replayed): { least: number; most: number } {
  const { inputTokens, cachedTokens } = request
  if (inputTokens === null) return { least: 1, most: Number.MAX_SAFE_INTEGER / 1024 }
  if (cachedTokens === null) return { least: 1, most: Math.max(1, inputTokens) }
  const needed = Math.max(1, inputTokens - cachedTokens)
  return { least: needed, most: needed }
}

function candidate(of: Replayed): Candidate {
  return { sentNs: of.request.sentNs, firstNs: of.firstNs, ...needOf(of) }
}
