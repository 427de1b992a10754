import type { Report } from '../../../analysis/report.ts'
import { headlineOf } from '../../../analysis/verdict/headline.ts'
import { openRun } from '../../../store/read/open-run.ts'
import type { StreamingReader } from '../../../store/read/run-reader.ts'
import type { Overview } from '../api-types.ts'
import { Gate } from '../gate.ts'
import type { FoundRun } from './find-runs.ts'
import { layersOf } from './layers.ts'
import { nextSteps } from './next-steps.ts'
import { reportOfRun, type Self } from './report-of-run.ts'
import { overviewSeries } from './series.ts'
import { Timeline } from './timeline.ts'

const MEMORY = '600MB'
const CONSOLE_LIMITS = { rows: 10_000_000, ms: 30_000 }
/** What was recorded since is brought in at most so often. */
const REFRESH_MS = 2000
/** Reports of this many sets of objectives are kept. */
const MOST_REPORTS = 4

/** One opened run: a database, its timeline, and its reports as they were asked for. */
export class ServedRun {
  readonly found: FoundRun
  readonly reader: StreamingReader
  private readonly self: Self | null
  private readonly reports: Gate
  /** Queries of one connection go one after another. */
  private readonly line = new Gate(1)
  private readonly consoleLine = new Gate(1, 10)
  private console: StreamingReader | null = null
  private timelineMade: Promise<Timeline> | null = null
  private readonly reportsMade = new Map<string, Promise<Report>>()
  private refreshedAt = performance.now()

  private constructor(found: FoundRun, reader: StreamingReader, self: Self | null, reports: Gate) {
    this.found = found
    this.reader = reader
    this.self = self
    this.reports = reports
  }

  static async open(found: FoundRun, self: Self | null, reports: Gate): Promise<ServedRun> {
    return new ServedRun(found, await openRun(found.folder, { ms: 30_000 }, MEMORY), self, reports)
  }

  get live(): boolean {
    return this.reader.run.state !== 'sealed'
  }

  /** Work on the run's own connection, in its turn; of a live run with what was recorded up to now. */
  async ask<T>(work: (reader: StreamingReader) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.line.run(async () => {
      await this.refresh()
      return work(this.reader)
    }, signal)
  }

  /** A question that may take long: it does not hold up the timeline, and ends after 30 s. */
  async askSlowly<T>(work: (reader: StreamingReader) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.live) return this.ask(work, signal)
    return this.consoleLine.run(async () => {
      this.console ??= await this.reader.fork(CONSOLE_LIMITS)
      return work(this.console ?? this.reader)
    }, signal)
  }

  async timeline<T>(work: (timeline: Timeline) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.ask(async (reader) => {
      this.timelineMade ??= Timeline.open(reader)
      try {
        return await work(await this.timelineMade)
      } catch (error) {
        this.timelineMade = null
        throw error
      }
    }, signal)
  }

  /** The report, as `report --json`; made once for each set of objectives. */
  async report(slo: string | null): Promise<Report> {
    const key = slo ?? ''
    const known = this.reportsMade.get(key)
    if (known !== undefined) return known
    const { layers } = this.reader.run
    const rows = (layers.chunks?.rows ?? 0) + (layers.slices?.rows ?? 0) / 4 + (layers.counters?.rows ?? 0) / 8
    const made = this.live
      ? this.ask((reader) => reportOfRun(reader, null, slo, rows))
      : this.reports.run(() => reportOfRun(this.reader, this.self, slo, rows))
    this.reportsMade.set(key, made)
    made.catch(() => this.reportsMade.delete(key))
    if (this.reportsMade.size > MOST_REPORTS) this.reportsMade.delete(this.reportsMade.keys().next().value as string)
    return made
  }

  async overview(slo: string | null): Promise<Overview> {
    const report = await this.report(slo)
    return this.askSlowly(async (reader) => ({
      report,
      headline: headlineOf(report),
      layers: await layersOf(reader, report),
      series: await overviewSeries(reader, report),
      next: nextSteps(this.found.path, report),
    }))
  }

  async close(): Promise<void> {
    await this.console?.close().catch(() => undefined)
    await this.reader.close().catch(() => undefined)
  }

  private async refresh(): Promise<void> {
    if (!this.live || performance.now() - this.refreshedAt < REFRESH_MS) return
    await this.reader.refresh()
    this.refreshedAt = performance.now()
    this.timelineMade = null
    this.reportsMade.clear()
  }
}
