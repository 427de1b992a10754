import type { RunClock } from '../base/time.ts'
import type {
  ClientTotals,
  RequestClient,
  RequestOutcome,
  RequestPlan,
  WireRequest,
} from '../sources/requests/client.ts'
import type { RunJson, RunPlan } from '../trace/run-json.ts'
import type { OfferGate } from './live/offer-gate.ts'
import type { Tally } from './live/tally.ts'
import type { StopSignal } from './stop-signal.ts'

/** A request that is ready but for its time. */
export type Draft = Omit<RequestPlan, 'scheduledNs'>

/** Where an offerer hands its requests over. */
export interface Desk {
  readonly client: RequestClient
  readonly clock: RunClock
  readonly stop: StopSignal
  /** While it is shut nothing is offered. */
  readonly gate: OfferGate
  /** Sends a request now; the view hears of its end. */
  send(plan: RequestPlan, encoded?: WireRequest): Promise<RequestOutcome>
  /** The row of a request that was due and is never sent. */
  refuse(plan: RequestPlan, why: string): void
}

/** The run that is offered to, for those who offer by other processes. */
export interface OfferedRun {
  readonly folder: string
  readonly runId: string
  /** Names the processes that record shards of their own. */
  addShards(shards: RunJson['shards']): void
  /** Rows that such a process could not keep, by table. */
  countDropped(dropped: Readonly<Record<string, number>>): void
  /** The longest that a row of such a process waited for its commit. */
  noteUncommitted(longestMs: number): void
  /** What such a process has counted. */
  merged(tally: Tally): void
}

/** Decides which request goes out when. */
export interface Offerer {
  readonly loop: 'open' | 'closed'
  /** Offers all, and resolves when the last has ended; once the run is to stop it offers nothing more. */
  offer(desk: Desk, run: OfferedRun): Promise<void>
  /** Its progress, cheap to read at any time; null before it has started. */
  progress?(): OfferProgress | null
  /** The facts for run.json's plan when it is over. */
  facts?(): Partial<RunPlan>
}

/** How far an offering is. Counts are since its start. */
export interface OfferProgress extends ClientTotals {
  /** Requests that are due. */
  offered: number
  /** Requests of the whole schedule; null where that is not known beforehand. */
  planned: number | null
  /** Share of the run that is done, 0 to 1 (`doneShare`); null where it has no end that is known. */
  share: number | null
  inFlight: number
  /** Due and held back by the ceiling on requests in flight: now, and in all so far. */
  holding: number
  held: number
  /** Sent less scheduled, ms; null where there is no schedule or nothing was sent. */
  lagMs: { p50: number; p99: number; max: number } | null
}

/** One user: yields a request, is given its outcome, yields the next. Several may share one list of requests. */
export type User =
  | Generator<Draft, void, RequestOutcome | undefined>
  | AsyncGenerator<Draft, void, RequestOutcome | undefined>

/** A closed loop of groups of users, one group after the other: warm-up, then what is measured. */
export function closedGroups(groups: readonly (readonly User[])[]): Offerer {
  return {
    loop: 'closed',
    async offer(desk) {
      for (const users of groups) await closedLoop(users, desk)
    },
  }
}

/** Each user has one request in flight at a time, offers nothing while the gate is shut, and nothing more once the run is to stop. */
export async function closedLoop(users: readonly User[], { send, clock, stop, gate }: Desk): Promise<void> {
  await Promise.all(
    users.map(async (user) => {
      let outcome: RequestOutcome | undefined
      while (stop.stage === 'running') {
        const next = await user.next(outcome)
        if (next.done) break
        await gate.opened()
        if (stop.stage !== 'running') break
        outcome = await send({ ...next.value, scheduledNs: clock.now() })
      }
      await user.return()
    }),
  )
}

/** `count` users who take their requests from one list, in its order. */
export function usersOf(drafts: readonly Draft[], count: number): User[] {
  const most = drafts.length
  const shared = drafts[Symbol.iterator]()
  return Array.from({ length: Math.min(count, most) }, function* (): Generator<
    Draft,
    void,
    RequestOutcome | undefined
  > {
    for (let next = shared.next(); !next.done; next = shared.next()) yield next.value
  })
}
