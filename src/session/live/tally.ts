import { LogCounts, type PlainCounts } from '../../base/log-counts.ts'
import type { RequestOutcome } from '../../sources/requests/client.ts'
import type { RequestPlan } from '../../sources/requests/request-plan.ts'
import { e2eNs, tpotNs } from '../../trace/base-figures.ts'
import type { Status } from '../../trace/tables.ts'

type Counted = Pick<RequestPlan, 'phase' | 'intendedInputTokens'>

/** What one process of a run has counted of its requests since its last report. */
export interface Tally {
  readonly latency: Readonly<Record<'ttft' | 'itl' | 'tpot' | 'e2e' | 'lag', PlainCounts>>
  readonly inputTokens: number
  readonly warmup: number
  /** Of those that did not end well. */
  readonly byStatus: ReadonlyMap<Status, number>
  readonly byHttpStatus: ReadonlyMap<number, number>
  readonly lastError: string | null
}

/** One request that has ended, as a tally of itself. */
export function talliedOf(draft: Counted, outcome: RequestOutcome): Omit<Tally, 'latency'> {
  const { status, httpStatus } = outcome
  const failed = status !== 'ok'
  return {
    inputTokens: outcome.inputTokens ?? draft.intendedInputTokens ?? 0,
    warmup: draft.phase === 'warmup' ? 1 : 0,
    byStatus: new Map(failed ? [[status, 1]] : []),
    byHttpStatus: new Map(failed && httpStatus !== null ? [[httpStatus, 1]] : []),
    lastError: failed ? (outcome.error ?? status) : null,
  }
}

/** Counts the latencies that are known when a request has ended; warm-up has none. */
export function countLatencies(
  counts: Readonly<Record<'tpot' | 'e2e' | 'lag', LogCounts>>,
  draft: Counted,
  outcome: RequestOutcome,
  scheduledNs: number,
): void {
  if (draft.phase === 'warmup') return
  counts.lag.record(outcome.handedNs - scheduledNs)
  if (outcome.status !== 'ok') return
  counts.e2e.record(e2eNs(outcome.endNs, outcome.sentNs))
  counts.tpot.record(tpotNs(outcome.lastTokenNs, outcome.firstTokenNs, outcome.outputTokens ?? 0))
}

/** Counts the requests of one process, for regular reports to another. */
export class LiveTally {
  readonly live = { ttft: new LogCounts(), itl: new LogCounts() }
  private readonly later = { tpot: new LogCounts(), e2e: new LogCounts(), lag: new LogCounts() }
  private inputTokens = 0
  private warmup = 0
  private byStatus = new Map<Status, number>()
  private byHttpStatus = new Map<number, number>()
  private lastError: string | null = null

  readonly ended = (draft: Counted, outcome: RequestOutcome, scheduledNs: number): void => {
    countLatencies(this.later, draft, outcome, scheduledNs)
    const one = talliedOf(draft, outcome)
    this.inputTokens += one.inputTokens
    this.warmup += one.warmup
    this.lastError = one.lastError ?? this.lastError
    for (const [status, n] of one.byStatus) this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + n)
    for (const [http, n] of one.byHttpStatus) this.byHttpStatus.set(http, (this.byHttpStatus.get(http) ?? 0) + n)
  }

  /** What was counted since the last call. */
  take(): Tally {
    const all = { ...this.live, ...this.later }
    const { inputTokens, warmup, byStatus, byHttpStatus, lastError } = this
    const latency = Object.fromEntries(
      Object.entries(all).map(([name, counts]) => [name, counts.plain()]),
    ) as unknown as Tally['latency']
    for (const counts of Object.values(all)) counts.clear()
    this.inputTokens = 0
    this.warmup = 0
    this.byStatus = new Map()
    this.byHttpStatus = new Map()
    this.lastError = null
    return { latency, inputTokens, warmup, byStatus, byHttpStatus, lastError }
  }
}
