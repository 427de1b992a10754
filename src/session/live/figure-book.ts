import type { LogCounts } from '../../base/log-counts.ts'
import type { ClientTotals, LiveCounts, RequestOutcome } from '../../sources/requests/client.ts'
import type { Status } from '../../trace/tables.ts'
import type { Draft } from '../offer.ts'
import type { RequestRunView, RunProbe } from '../request-run.ts'
import type { Latency, LiveFigures, LiveRates, Quantiles } from './live-figures.ts'
import { machineFigures } from './machine-figures.ts'
import { countLatencies, type Tally, talliedOf } from './tally.ts'
import { WINDOW_SLOTS, WindowedCounts } from './windowed-counts.ts'

/** HTTP statuses counted separately; the rest are counted together. */
const MOST_HTTP_STATUSES = 32

export interface FigureBookOptions {
  /** The window of rates and recent percentiles, ms. */
  sampleIntervalMs: number
  /** Requests of the whole schedule; null if that is unknown. */
  plannedRequests: number | null
}

/** What was counted by a moment, to take the difference from. */
interface Mark extends ClientTotals {
  tNs: number
  inputTokens: number
  offered: number
}

const NOTHING: ClientTotals = {
  sent: 0,
  ok: 0,
  failed: 0,
  tokens: 0,
  rxBytes: 0,
  txBytes: 0,
  txBodyBytes: 0,
  rxBodyBytes: 0,
}

/** Keeps the live figures of one run, in memory that does not grow with it. */
export class FigureBook implements RequestRunView {
  readonly live: LiveCounts
  private readonly counts = {
    ttft: new WindowedCounts(),
    itl: new WindowedCounts(),
    tpot: new WindowedCounts(),
    e2e: new WindowedCounts(),
    lag: new WindowedCounts(),
  }
  private readonly options: FigureBookOptions
  private readonly slotNs: number
  private readonly marks: Mark[] = []
  private readonly byStatus = new Map<Status, number>()
  private readonly byHttpStatus = new Map<number, number>()
  private probe: RunProbe | null = null
  private startNs = Number.NaN
  private slot = 0
  private inputTokens = 0
  private warmup = 0
  private lastError: string | null = null
  private timer: NodeJS.Timeout | undefined

  constructor(options: FigureBookOptions) {
    this.options = options
    this.slotNs = (options.sampleIntervalMs * 1e6) / WINDOW_SLOTS
    this.live = { ttft: this.counts.ttft.now, itl: this.counts.itl.now }
  }

  readonly running = (probe: RunProbe): void => {
    this.probe = probe
    this.startNs = probe.now()
    this.marks.push(this.mark(this.startNs))
    this.timer = setInterval(() => this.roll(probe.now()), this.slotNs / 1e6)
    this.timer.unref()
  }

  /** Ends its timer; what was counted can still be asked for. */
  close(): void {
    clearInterval(this.timer)
  }

  readonly ended = (draft: Draft, outcome: RequestOutcome, scheduledNs: number): void => {
    const { tpot, e2e, lag } = this.counts
    this.count(talliedOf(draft, outcome))
    countLatencies({ tpot: tpot.now, e2e: e2e.now, lag: lag.now }, draft, outcome, scheduledNs)
  }

  /** What another process of the run has counted since its last report. */
  readonly merged = (tally: Tally): void => {
    for (const [name, counts] of Object.entries(tally.latency))
      this.counts[name as keyof Tally['latency']].now.add(counts)
    this.count(tally)
  }

  private count({ inputTokens, warmup, byStatus, byHttpStatus, lastError }: Omit<Tally, 'latency'>): void {
    this.inputTokens += inputTokens
    this.warmup += warmup
    this.lastError = lastError ?? this.lastError
    for (const [status, n] of byStatus) this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + n)
    for (const [http, n] of byHttpStatus) {
      if (this.byHttpStatus.has(http) || this.byHttpStatus.size < MOST_HTTP_STATUSES)
        this.byHttpStatus.set(http, (this.byHttpStatus.get(http) ?? 0) + n)
    }
  }

  /** The figures now; null until the run starts. */
  snapshot(): LiveFigures | null {
    const { probe, options, counts } = this
    if (probe === null) return null
    const tNs = probe.now()
    this.roll(tNs)
    const totals = probe.totals()
    const now = this.mark(tNs)
    const progress = probe.progress()
    const planned = progress?.planned ?? options.plannedRequests
    const ended = totals.ok + totals.failed
    const share = progress?.share ?? (planned === null ? null : planned === 0 ? 1 : ended / planned)
    const { paused, pausedNs } = probe.gate
    return {
      tNs,
      elapsedNs: tNs - this.startNs,
      pausedNs,
      paused,
      requests: {
        planned,
        share: share === null ? null : Math.min(1, share),
        offered: now.offered,
        holding: progress?.holding ?? 0,
        sent: totals.sent,
        ended,
        ok: totals.ok,
        failed: totals.failed,
        inFlight: probe.inFlight(),
        warmup: this.warmup,
        byStatus: this.byStatus,
        byHttpStatus: this.byHttpStatus,
      },
      tokens: { input: this.inputTokens, output: totals.tokens },
      bytes: { tx: totals.txBodyBytes, rx: totals.rxBodyBytes },
      rates: ratesBetween(this.marks[0] as Mark, now),
      latency: {
        ttft: latencyOf(counts.ttft),
        itl: latencyOf(counts.itl),
        tpot: latencyOf(counts.tpot),
        e2e: latencyOf(counts.e2e),
        lag: latencyOf(counts.lag),
      },
      ...machineFigures(probe.counters(), tNs),
      lastError: this.lastError,
    }
  }

  /** What the kernel's view of the run has counted; null where there is none. */
  get os(): RunProbe['os'] {
    return this.probe?.os ?? null
  }

  /** What each latency was counted as, since the run began; the counts hold until the next call. */
  *totals(): Generator<[name: keyof LiveFigures['latency'], counts: LogCounts]> {
    for (const [name, windowed] of Object.entries(this.counts))
      yield [name as keyof LiveFigures['latency'], windowed.total()]
  }

  /** Moves the windows on to where `tNs` lies. */
  private roll(tNs: number): void {
    const slot = Math.floor((tNs - this.startNs) / this.slotNs)
    // After a whole window none of its counts remain, however long ago it was.
    for (let i = Math.min(slot - this.slot, WINDOW_SLOTS + 1); i > 0; i--) {
      for (const windowed of Object.values(this.counts)) windowed.roll()
      this.marks.push(this.mark(tNs))
    }
    while (this.marks.length > WINDOW_SLOTS + 1) this.marks.shift()
    this.slot = slot
  }

  private mark(tNs: number): Mark {
    const totals = this.probe?.totals() ?? NOTHING
    return { ...totals, tNs, inputTokens: this.inputTokens, offered: this.probe?.progress()?.offered ?? totals.sent }
  }
}

function ratesBetween(from: Mark, to: Mark): LiveRates {
  const seconds = (to.tNs - from.tNs) / 1e9
  const rate = (key: Exclude<keyof Mark, 'tNs'>) => (seconds > 0 ? (to[key] - from[key]) / seconds : 0)
  return {
    okPerS: rate('ok'),
    offeredPerS: rate('offered'),
    failedPerS: rate('failed'),
    inputTokensPerS: rate('inputTokens'),
    outputTokensPerS: rate('tokens'),
    txBytesPerS: rate('txBodyBytes'),
    rxBytesPerS: rate('rxBodyBytes'),
  }
}

function latencyOf(counts: WindowedCounts): Latency {
  return { total: quantilesOf(counts.total()), recent: quantilesOf(counts.recent()) }
}

function quantilesOf(counts: LogCounts): Quantiles {
  const at = (share: number) => counts.quantile(share)
  return { n: counts.n, p50Ns: at(0.5), p95Ns: at(0.95), p99Ns: at(0.99), maxNs: counts.maxNs }
}
