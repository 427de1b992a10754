import { randomStream } from '../../src/base/random-stream.ts'
import type { ClientRequest, EngineStep, TokenEvent } from '../../src/derived/scheduler-replay/model.ts'

/** What a simulated server does, and what breaks the rules of a plain one. */
export interface SimulatedPlan {
  readonly seed: number
  readonly requests: number
  /** Tokens and requests of a step at most. */
  readonly budget: number
  readonly sequences: number
  /** Mean time between sends, ms; with `atOnce`, that many are open and each end sends the next. */
  readonly everyMs: number
  readonly atOnce?: number
  /** Lengths that prompts and answers have. */
  readonly prompts: readonly number[]
  readonly outputs: readonly number[]
  /** Whether the server says how much of a prompt its cache had. */
  readonly cachedKnown?: boolean
  /** Tokens of the KV cache; a request that finds no room sends the last one away. */
  readonly cacheTokens?: number
  /** A request that stops by itself runs once more. */
  readonly asynchronous?: boolean
  readonly shortestFirst?: boolean
  /** Tokens that a decode drafts beside its own. */
  readonly drafted?: number
  /** An event each so many tokens, and whether it says so. */
  readonly streamInterval?: number
  readonly countsTokens?: boolean
  /** Share of steps that the profile lacks, and of requests that another client sent. */
  readonly missing?: number
  readonly foreign?: number
  readonly deliveryMs?: readonly [number, number]
  readonly stepMs?: readonly [number, number]
}

export interface Simulated {
  readonly steps: readonly EngineStep[]
  readonly requests: readonly ClientRequest[]
  /** Step ids of the tokens of each request. */
  readonly truth: ReadonlyMap<number, readonly number[]>
  readonly preemptions: number
  /** What each step ran, by its id: including requests of other clients. */
  readonly ran: ReadonlyMap<number, readonly RanPart[]>
}

export interface RanPart {
  readonly request: number
  readonly ours: boolean
  readonly tokens: number
  /** It had given out no token before. */
  readonly prefill: boolean
  /** Tokens that came out of it. */
  readonly emitted: number
}

interface Job {
  readonly id: number
  readonly sentNs: number
  readonly reachesNs: number
  readonly prompt: number
  readonly cached: number
  readonly output: number
  readonly stopped: boolean
  readonly ours: boolean
  computed: number
  /** Steps of its tokens. */
  readonly steps: number[]
  readonly arrivals: number[]
}

interface Part {
  readonly job: Job
  readonly tokens: number
  readonly prefill: boolean
}

/** Runs requests through a scheduler like vLLM's that knows the truth: a step at a time, on a clock of its own. */
export function simulate(plan: SimulatedPlan): Simulated {
  return new SimulatedScheduler(plan).run()
}

class SimulatedScheduler {
  private readonly plan: SimulatedPlan
  private readonly random: () => number
  private readonly jobs: Job[] = []
  private readonly steps: EngineStep[] = []
  private pending: Job[] = []
  private waiting: Job[] = []
  private running: Job[] = []
  /** Done, and scheduled before that was known. */
  private zombies: Job[] = []
  private preemptions = 0
  private readonly ran = new Map<number, RanPart[]>()
  private stepId = 0
  private now = 0

  constructor(plan: SimulatedPlan) {
    this.plan = plan
    this.random = randomStream('simulated-scheduler', plan.seed).uniform
  }

  run(): Simulated {
    const { plan, jobs } = this
    let at = 1e6
    for (let i = 0; i < (plan.atOnce ?? plan.requests); i++) {
      at += plan.atOnce === undefined ? -Math.log(1 - this.random()) * plan.everyMs * 1e6 : this.random() * 1e6
      this.send(at)
    }
    while (this.arrive()) {
      const parts = this.schedule()
      if (parts.length === 0) this.now += 1e5
      else this.execute(parts)
    }
    const ours = jobs.filter((job) => job.ours)
    return {
      steps: this.steps,
      requests: ours.map((job) => asClient(job, plan)),
      truth: new Map(ours.map((job) => [job.id, job.steps])),
      preemptions: this.preemptions,
      ran: this.ran,
    }
  }

  private pick(values: readonly number[]): number {
    return values[Math.floor(this.random() * values.length)] as number
  }

  private between([low, high]: readonly [number, number]): number {
    return (low + this.random() * (high - low)) * 1e6
  }

  private send(sentNs: number): void {
    if (this.jobs.length >= this.plan.requests) return
    const prompt = this.pick(this.plan.prompts)
    const job: Job = {
      ...{ id: this.jobs.length, sentNs, prompt, output: this.pick(this.plan.outputs) },
      cached: this.random() < 0.3 ? Math.floor((prompt - 1) / 32) * 16 : 0,
      stopped: this.random() < 0.3,
      ours: this.random() >= (this.plan.foreign ?? 0),
      reachesNs: sentNs + this.between([0.2, 1.5]),
      ...{ computed: 0, steps: [], arrivals: [] },
    }
    this.jobs.push(job)
    this.pending.push(job)
  }

  /** Takes what has reached the server; false when all is done. */
  private arrive(): boolean {
    this.pending.sort((a, b) => a.reachesNs - b.reachesNs)
    const [first] = this.pending
    if (this.running.length + this.waiting.length + this.zombies.length === 0) {
      if (first === undefined) return false
      this.now = Math.max(this.now, first.reachesNs)
    }
    this.waiting.push(...this.pending.filter(({ reachesNs }) => reachesNs <= this.now))
    this.pending = this.pending.filter(({ reachesNs }) => reachesNs > this.now)
    if (this.plan.shortestFirst === true) this.waiting.sort((a, b) => a.prompt - b.prompt)
    return true
  }

  private schedule(): Part[] {
    const parts: Part[] = this.zombies.map((job) => ({ job, tokens: 1, prefill: false }))
    let room = this.plan.budget - parts.length
    const before = this.preemptions
    for (let i = 0; i < this.running.length && room > 0; i++) {
      const job = this.running[i] as Job
      const tokens = Math.min(needOf(job) + (job.steps.length > 0 ? (this.plan.drafted ?? 0) : 0), room)
      while (i < this.running.length && this.running.length > 1 && !this.holds(tokens)) this.preempt()
      if (i >= this.running.length) break
      parts.push({ job, tokens, prefill: job.steps.length === 0 })
      room -= tokens
    }
    if (before !== this.preemptions) return parts
    for (let job = this.waiting[0]; job !== undefined && room > 0; job = this.waiting[0]) {
      const cached = job.steps.length > 0 ? 0 : job.cached
      const tokens = Math.min(job.prompt + job.steps.length - cached, room)
      if (this.running.length >= this.plan.sequences) break
      if (this.running.length > 0 && !this.holds(cached + tokens)) break
      this.waiting.shift()
      job.computed = cached
      this.running.push(job)
      parts.push({ job, tokens, prefill: job.steps.length === 0 })
      room -= tokens
    }
    return parts
  }

  private holds(more: number): boolean {
    const used = this.running.reduce((sum, { computed }) => sum + computed + 1, 0)
    return used + more <= (this.plan.cacheTokens ?? Number.POSITIVE_INFINITY)
  }

  private preempt(): void {
    const victim = this.running.pop() as Job
    victim.computed = 0
    this.waiting.unshift(victim)
    this.preemptions++
  }

  private execute(parts: readonly Part[]): void {
    const sum = (prefill: boolean) => {
      const of = parts.filter((part) => part.prefill === prefill)
      return { count: of.length, tokens: of.reduce((total, { tokens }) => total + tokens, 0) }
    }
    const [prefill, decode] = [sum(true), sum(false)]
    const durNs = this.between(this.plan.stepMs ?? [5, 9]) + prefill.tokens * 2e4
    const step: EngineStep = {
      ...{ id: ++this.stepId, tNs: this.now + 2e5, durNs },
      ...{ prefills: prefill.count, prefillTokens: prefill.tokens, decodes: decode.count, decodeTokens: decode.tokens },
    }
    if (this.random() >= (this.plan.missing ?? 0)) this.steps.push(step)
    this.now = step.tNs + durNs
    const done = this.zombies
    this.zombies = []
    const emittedBefore = parts.map(({ job }) => job.steps.length)
    for (const { job, tokens } of parts) {
      if (done.includes(job)) continue
      const drafted = job.steps.length > 0 ? (this.plan.drafted ?? 0) : 0
      job.computed += tokens - drafted
      if (job.computed < job.prompt + job.steps.length) continue
      const accepted = Math.min(Math.floor(this.random() * (drafted + 1)), job.output - job.steps.length - 1)
      job.computed += accepted
      for (let k = 0; k <= accepted; k++) this.emit(job)
      if (job.steps.length === job.output) this.end(job)
    }
    this.ran.set(
      step.id,
      parts.map(({ job, tokens, prefill: first }, k) => ({
        ...{ request: job.id, ours: job.ours, tokens, prefill: first },
        emitted: job.steps.length - (emittedBefore[k] as number),
      })),
    )
  }

  private emit(job: Job): void {
    job.steps.push(this.stepId)
    const n = job.steps.length
    if (n !== 1 && n !== job.output && n % (this.plan.streamInterval ?? 1) !== 0) return
    job.arrivals.push(Math.max(this.now + this.between(this.plan.deliveryMs ?? [1.2, 6]), job.arrivals.at(-1) ?? 0))
  }

  private end(job: Job): void {
    this.running = this.running.filter((each) => each !== job)
    if (this.plan.asynchronous === true && job.stopped) this.zombies.push(job)
    if (this.plan.atOnce !== undefined) this.send((job.arrivals.at(-1) as number) + this.between([0.1, 1]))
  }
}

/** Tokens that it has to run before it has its next one. */
function needOf({ prompt, steps, computed }: Job): number {
  return prompt + steps.length - computed
}

function asClient(
  job: Job,
  { streamInterval = 1, cachedKnown = true, countsTokens = true }: SimulatedPlan,
): ClientRequest {
  let before = 0
  const events = job.arrivals.map((tNs, index): TokenEvent => {
    const upto = Math.min(job.output, index === 0 ? 1 : (Math.floor(before / streamInterval) + 1) * streamInterval)
    const tokens = upto - before
    before = upto
    return { index, tNs, tokens: countsTokens ? tokens : null }
  })
  return {
    ...{ id: job.id, dueNs: job.sentNs, sentNs: job.sentNs, endNs: (events.at(-1)?.tNs ?? job.sentNs) + 1e5 },
    ...{ inputTokens: job.prompt, cachedTokens: cachedKnown ? job.cached : null, outputTokens: job.output },
    ...{ stopped: job.stopped, events },
  }
}
