import { setTimeout as sleep } from 'node:timers/promises'
import { abortForMany } from '../../base/bounded-wait.ts'
import type { RunPlan } from '../../trace/run-json.ts'
import type { Arrival, ArrivalSchedule } from '../../workload/arrivals/arrival.ts'
import { doneShare } from '../done-share.ts'
import type { Desk, Offerer, OfferProgress } from '../offer.ts'
import { ArrivalPlan, type ArrivalPlanOptions } from '../open-loop/arrival-plan.ts'
import { LookAhead, type ReadyRequest } from '../open-loop/look-ahead.ts'
import { isMine, partOf, type Shard, WHOLE } from '../open-loop/shard.ts'
import { Talks } from './talks.ts'

export interface ScheduleUsersOptions extends ArrivalPlanOptions {
  /** Its times are ignored, except for the pauses within conversations. */
  readonly schedule: ArrivalSchedule
  /** Users, each with one request in flight at a time. */
  readonly users: number
  /** The users begin one after the other, evenly over this time. */
  readonly rampUpMs: number
  /** Nothing is offered later. Null: all of the schedule. */
  readonly durationNs: number | null
  readonly shard?: Shard
  /** Called when the first requests lie ready: resolves to the start, ns since the run's epoch. */
  readonly start?: () => Promise<number>
}

/** Requests that lie ready for each user: one more than it asks for while another is made. */
const READY_A_USER = 2

/** A closed loop: a number of users, each of whom sends the next request when the answer has arrived. */
export class ScheduleUsers implements Offerer {
  readonly loop = 'closed'
  private readonly options: ScheduleUsersOptions
  private readonly shard: Shard
  private readonly users: number
  private desk: Desk | null = null
  private startNs = Number.NaN
  private offered = 0

  constructor(options: ScheduleUsersOptions) {
    this.options = options
    this.shard = options.shard ?? WHOLE
    this.users = partOf(options.users, this.shard)
  }

  async offer(desk: Desk): Promise<void> {
    this.desk = desk
    const { options } = this
    const ahead = new LookAhead(
      options.schedule.batches(),
      (arrival) => this.prepare(arrival),
      READY_A_USER * this.users,
    )
    const talks = new Talks(ahead, this.users)
    const over = abortForMany()
    desk.stop.onChange(() => {
      over.abort()
      talks.changed()
    })
    let duration: NodeJS.Timeout | undefined
    try {
      ahead.start(talks.changed)
      if (desk.stop.stage === 'running' && options.rampUpMs === 0) await desk.client.preconnect(this.users)
      this.startNs = (await options.start?.()) ?? desk.clock.now()
      if (options.durationNs !== null) {
        const leftMs = (this.startNs + options.durationNs - desk.clock.now()) / 1e6
        duration = setTimeout(() => {
          over.abort()
          talks.changed()
        }, leftMs)
      }
      await Promise.all(Array.from({ length: this.users }, (_, user) => this.live(user, desk, talks, over.signal)))
    } finally {
      clearTimeout(duration)
      await ahead.stop()
    }
    if (ahead.failure !== null) throw ahead.failure
  }

  progress(): OfferProgress | null {
    const { desk, options, offered } = this
    if (desk === null) return null
    const { total } = options.schedule
    const ofTime = options.durationNs === null ? 0 : (desk.clock.now() - this.startNs) / options.durationNs
    const ofCount = total === null ? 0 : offered / partOf(total, this.shard)
    const offering = options.durationNs === null && total === null ? null : Math.max(0, ofTime, ofCount)
    const { totals } = desk.client
    return {
      ...totals,
      offered,
      planned: total,
      share: doneShare(offering, offered, totals.ok + totals.failed),
      inFlight: desk.client.inFlight,
      holding: 0,
      held: 0,
      lagMs: null,
    }
  }

  facts(): Partial<RunPlan> {
    return { counts: { ...this.options.schedule.counts } }
  }

  private prepare(arrival: Arrival): ReadyRequest | null {
    const cachedTokens = this.options.prompts.intendedCachedTokens(arrival)
    if (!isMine(arrival, this.shard, true)) return null
    const plan = new ArrivalPlan(arrival, cachedTokens, this.options)
    return { arrival, plan, dueNs: 0, encoded: (this.desk as Desk).client.encode(plan) }
  }

  private async live(user: number, desk: Desk, talks: Talks, over: AbortSignal): Promise<void> {
    const { clock, gate } = desk
    const { options, shard } = this
    // Users of all shards begin in turn.
    const beginNs = this.startNs + ((user * shard.count + shard.index) / options.users) * options.rampUpMs * 1e6
    await this.until(beginNs, desk, over)
    while (!over.aborted) {
      const request = await talks.next(user)
      if (request === null || over.aborted) return
      const thinkUs = request.arrival.session?.thinkUs ?? 0
      if (thinkUs > 0) await this.until(clock.now() + thinkUs * 1000, desk, over)
      await gate.opened()
      if (over.aborted) return
      this.offered++
      request.plan.scheduledNs = clock.now()
      await desk.send(request.plan, request.encoded ?? undefined)
    }
  }

  private async until(ns: number, { clock }: Desk, over: AbortSignal): Promise<void> {
    const ms = (ns - clock.now()) / 1e6
    if (ms > 0) await sleep(ms, undefined, { signal: over }).catch(() => {})
  }
}
