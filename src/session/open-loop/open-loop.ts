import { setTimeout as sleep } from 'node:timers/promises'
import { LogCounts } from '../../base/log-counts.ts'
import type { RequestOutcome } from '../../sources/requests/client.ts'
import type { RunPlan } from '../../trace/run-json.ts'
import type { Arrival, ArrivalSchedule } from '../../workload/arrivals/arrival.ts'
import { doneShare } from '../done-share.ts'
import type { Desk, Offerer, OfferProgress } from '../offer.ts'
import { ArrivalPlan, type ArrivalPlanOptions } from './arrival-plan.ts'
import { LookAhead, type ReadyRequest } from './look-ahead.ts'
import { Pacer } from './pacer.ts'
import { isMine, partOf, type Shard, WHOLE } from './shard.ts'
import { Turns } from './turns.ts'

export interface OpenLoopOptions extends ArrivalPlanOptions {
  readonly schedule: ArrivalSchedule
  /** Trace time is divided by it. */
  readonly speedup: number
  /** Most requests in flight; further ones wait. Null: no limit. */
  readonly maxInFlight: number | null
  /** Nothing is offered that is due later, and what is still held then is never sent. Null: all of the schedule. */
  readonly durationNs: number | null
  /** The event loop spins through the last moments before a request is due. */
  readonly precise: boolean
  /** `causal`: a turn of a conversation waits for the answer to the one before. */
  readonly dependency: 'causal' | 'schedule'
  readonly shard?: Shard
  /** Resumes from the arrival of this index; its time becomes the start. */
  readonly from?: number
  /** Arrivals from there on that are skipped: they were offered before. */
  readonly skip?: ReadonlySet<number>
  /** Called when the first requests lie ready: resolves to the schedule's start, ns since the run's epoch. */
  readonly start?: () => Promise<number>
}

/** Before the first request there is time for this: nothing is late from the start. */
const LEAD_NS = 50e6
/** So many requests are written before the start, or as many as this time allows. */
const FIRST_READY_MS = 300
/** Connections are opened ahead for what is due within this time of the start. */
const PRECONNECT_NS = 1e9
const MOST_PRECONNECTED = 1024
/** From then on requests lie ready so long before they are due. */
const READY_NS = 100e6

/** Offers a schedule at its times, whatever the server does with what was offered before. */
export class OpenLoop implements Offerer {
  readonly loop = 'open'
  private readonly options: OpenLoopOptions
  private readonly most: number
  private readonly causal: boolean
  private readonly lag = new LogCounts()
  private readonly turns: Turns
  private desk: Desk | null = null
  private ahead: LookAhead | null = null
  private pacer: Pacer | null = null
  private startNs = Number.NaN
  private firstUs = Number.NaN
  private inFlight = 0
  private offered = 0
  private held = 0
  /** Since when the first in line is held, ns; NaN: nothing is. */
  private heldSinceNs = Number.NaN
  private closing = false
  private closedNs = Number.NaN
  /** The rows of requests that were due and not sent are not awaited: there may be any number of them. */
  private cut = false
  private allRefused = false
  private resolve: () => void = () => {}

  constructor(options: OpenLoopOptions) {
    this.options = options
    const { maxInFlight, shard = WHOLE } = options
    this.most = maxInFlight === null ? Number.POSITIVE_INFINITY : Math.max(1, partOf(maxInFlight, shard))
    this.causal = options.dependency === 'causal'
    this.turns = new Turns(options.speedup, (request) => this.dueOf(request))
  }

  async offer(desk: Desk): Promise<void> {
    this.desk = desk
    const { options } = this
    const ahead = new LookAhead(this.arrivals(), (arrival) => this.prepare(arrival))
    ahead.horizonNs = PRECONNECT_NS
    this.ahead = ahead
    const over = new Promise<void>((resolve) => {
      this.resolve = resolve
    })
    let duration: NodeJS.Timeout | undefined
    desk.stop.onChange((stage) => {
      this.cut = stage === 'cut'
      this.close()
    })
    try {
      await firstReady(ahead, () => this.tick())
      const early = Math.min(ahead.dueBefore(PRECONNECT_NS), this.most, MOST_PRECONNECTED)
      if (desk.stop.stage === 'running') await desk.client.preconnect(early)
      ahead.horizonNs = READY_NS
      this.pacer = await Pacer.start(desk.clock, options, () => this.tick())
      this.startNs = (await options.start?.()) ?? desk.clock.now() + LEAD_NS
      this.cut = desk.stop.stage === 'cut'
      if (desk.stop.stage !== 'running') this.close()
      // Without a ceiling nothing is held back: what is due before the end goes, if late.
      else if (options.durationNs !== null && options.maxInFlight !== null) {
        const leftMs = (this.startNs + options.durationNs - desk.clock.now()) / 1e6
        // A timer drops fractions of a ms: what is due in the last one is due.
        duration = setTimeout(() => this.close(), Math.ceil(leftMs))
      }
      this.tick()
      await over
    } finally {
      clearTimeout(duration)
      await this.pacer?.stop()
      await ahead.stop()
    }
    if (ahead.failure !== null) throw ahead.failure
  }

  progress(): OfferProgress | null {
    const { desk, options, lag, offered, ahead } = this
    if (desk === null) return null
    const { schedule, from = 0, skip } = options
    const total = schedule.total === null ? null : schedule.total - from - (skip?.size ?? 0)
    const now = desk.clock.now()
    const ofTime = options.durationNs === null ? 0 : (now - this.startNs) / options.durationNs
    const ofCount = total === null ? 0 : offered / partOf(total, options.shard ?? WHOLE)
    const offering = options.durationNs === null && total === null ? null : Math.max(0, ofTime, ofCount)
    const { totals } = desk.client
    const holds = this.inFlight >= this.most && !Number.isNaN(this.startNs)
    return {
      ...totals,
      offered,
      planned: total,
      share: doneShare(offering, offered, totals.ok + totals.failed),
      inFlight: this.inFlight,
      holding: holds ? (ahead?.dueBefore(now - this.startNs) ?? 0) : 0,
      held: this.held,
      lagMs: lag.n === 0 ? null : { p50: lag.quantile(0.5) / 1e6, p99: lag.quantile(0.99) / 1e6, max: lag.maxNs / 1e6 },
    }
  }

  facts(): Partial<RunPlan> {
    const cpuNs = this.pacer?.cpuNs ?? null
    return { counts: { ...this.options.schedule.counts }, pacing_cpu_s: cpuNs === null ? null : cpuNs / 1e9 }
  }

  /** The arrivals, in batches, to the end of the duration. */
  private async *arrivals(): AsyncGenerator<readonly Arrival[], void> {
    const { schedule, from = 0, durationNs, speedup } = this.options
    const endUs = durationNs === null ? Number.POSITIVE_INFINITY : (durationNs / 1000) * speedup
    for await (const batch of schedule.batches(from)) {
      if (Number.isNaN(this.firstUs) && batch[0] !== undefined) this.firstUs = from === 0 ? 0 : batch[0].tUs
      const late = batch.findIndex(({ tUs }) => tUs - this.firstUs >= endUs)
      yield late < 0 ? batch : batch.slice(0, late)
      if (late >= 0) return
    }
  }

  private prepare(arrival: Arrival): ReadyRequest | null {
    const { shard = WHOLE, skip, prompts } = this.options
    // For all arrivals in their order: those of other shards share the server's cache.
    const cachedTokens = prompts.intendedCachedTokens(arrival)
    if (!isMine(arrival, shard, this.causal) || skip?.has(arrival.index)) return null
    const plan = new ArrivalPlan(arrival, cachedTokens, this.options)
    const dueNs = ((arrival.tUs - this.firstUs) * 1000) / this.options.speedup
    // Requests that are only counted as never sent need no bytes.
    return { arrival, plan, dueNs, encoded: this.closing ? null : (this.desk as Desk).client.encode(plan) }
  }

  /** Sends what is due, and schedules itself for the next request. */
  private tick(): void {
    if (this.closing) this.refuseDue()
    else if (!Number.isNaN(this.startNs)) this.sendDue()
    const { ahead, turns } = this
    const through = this.closing ? this.allRefused : ahead?.ended === true && !turns.waiting
    if (through && this.inFlight === 0) this.resolve()
  }

  private sendDue(): void {
    const { ahead, turns } = this
    const { clock, gate } = this.desk as Desk
    for (;;) {
      const next = this.next()
      const now = clock.now()
      if (next === null || next.dueNs > now) {
        this.heldSinceNs = Number.NaN
        if (next !== null) this.pacer?.wakeAt(next.dueNs)
        return
      }
      if (gate.paused) {
        void gate.opened()?.then(() => this.tick())
        return
      }
      const { request, dueNs, released } = next
      if (!released && this.causal && turns.park(request)) {
        ahead?.take()
        continue
      }
      if (this.inFlight >= this.most) {
        if (Number.isNaN(this.heldSinceNs)) this.heldSinceNs = now
        return
      }
      if (released) turns.take()
      else ahead?.take()
      this.send(request, dueNs, now)
    }
  }

  /** The first in line, read from the schedule or released by an answer, and when it is due, ns since the run's epoch. */
  private next(): { request: ReadyRequest; dueNs: number; released: boolean } | null {
    const request = this.ahead?.peek() ?? null
    const dueNs = request === null ? Number.POSITIVE_INFINITY : this.dueOf(request)
    const turn = this.turns.peek()
    if (turn !== null && turn.atNs <= dueNs) return { request: turn.request, dueNs: turn.atNs, released: true }
    return request === null ? null : { request, dueNs, released: false }
  }

  private dueOf(request: ReadyRequest): number {
    return this.startNs + (this.desk as Desk).gate.pausedNs + request.dueNs
  }

  private send(request: ReadyRequest, dueNs: number, now: number): void {
    const desk = this.desk as Desk
    const { plan, encoded } = request
    plan.scheduledNs = dueNs
    if (!Number.isNaN(this.heldSinceNs)) {
      plan.heldNs = now - Math.max(dueNs, this.heldSinceNs)
      this.held++
    }
    this.offered++
    this.inFlight++
    this.lag.record(now - dueNs)
    if (this.causal) this.turns.begin(request)
    void desk.send(plan, encoded ?? desk.client.encode(plan)).then((outcome) => this.ended(request, outcome))
  }

  private ended(request: ReadyRequest, outcome: RequestOutcome): void {
    this.inFlight--
    if (this.causal) this.turns.end(request, outcome.endNs)
    this.tick()
  }

  /** Offers nothing more. Requests that were due until now and not sent still get their row. */
  private close(): void {
    if (!this.closing) this.closedNs = this.desk?.clock.now() ?? Number.NaN
    this.closing = true
    this.tick()
  }

  private refuseDue(): void {
    const { ahead, turns } = this
    if (this.allRefused || ahead === null) return
    const why = 'it was due, and had not gone when the offering ended'
    for (let turn = turns.peek(); turn !== null && !this.cut; turn = turns.peek()) {
      turns.take()
      if (turn.atNs <= this.closedNs) this.refuse(turn.request, turn.atNs, why)
    }
    for (
      let read = ahead.peek();
      read !== null && !this.cut && this.dueOf(read) <= this.closedNs;
      read = ahead.peek()
    ) {
      ahead.take()
      // A turn is not due before the answer to the turn before it has arrived.
      if (!this.causal || !turns.park(read)) this.refuse(read, this.dueOf(read), why)
    }
    // Where nothing is due any more, or ever was; else more is still being read.
    this.allRefused = this.cut || ahead.peek() !== null || ahead.ended || Number.isNaN(this.startNs)
    if (this.allRefused) turns.clear()
  }

  private refuse({ plan }: ReadyRequest, dueNs: number, why: string): void {
    plan.scheduledNs = dueNs
    this.offered++
    if (!Number.isNaN(this.heldSinceNs)) {
      plan.heldNs = Math.max(0, this.closedNs - Math.max(dueNs, this.heldSinceNs))
      this.held++
    }
    this.desk?.refuse(plan, why)
  }
}

/** Resolves when enough lies ready to begin with. */
async function firstReady(ahead: LookAhead, onChange: () => void): Promise<void> {
  const untilMs = performance.now() + FIRST_READY_MS
  await new Promise<void>((resolve) => {
    ahead.start(() => {
      resolve()
      onChange()
    })
  })
  while (!ahead.full && !ahead.ended && performance.now() < untilMs) await sleep(10)
}
