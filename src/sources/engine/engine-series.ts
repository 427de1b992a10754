import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import { type MetricSample, parseLabels } from '../prometheus/parse-metrics.ts'
import type { SourceContext } from '../source.ts'
import { possibleValue, RejectedValues } from '../value-limits.ts'
import { type EngineMetric, engineMetric } from './metric-names.ts'
import { identityOf, type Labels, processOf, replicaOf, variantOf } from './series-identity.ts'

/** A server with more series than this has a label with ever new values: further series are counted as lost. */
const MOST_SERIES = 4096

/** One line of a page, parsed once: lines have the same text on each page. */
interface Line {
  metric: EngineMetric
  labels: Labels
  series: Series | null
  field: string
}

interface Series {
  trackId: number
  /** What the figure is called on the page, for notes. */
  said: string
  metric: EngineMetric
  /** The last value of a total. */
  last: number
}

export interface EngineSeriesOptions {
  url: string
  /** The server's page without user name, password or key. */
  source: string
  periodMs: number
}

/** The counters of a server's page: a track for each series, which is a figure and all its labels. */
export class EngineSeries {
  private readonly context: SourceContext
  private readonly options: EngineSeriesOptions
  private readonly lines = new Map<string, Line | null>()
  private readonly series = new Map<string, Series>()
  private readonly rejected: RejectedValues
  private readonly restarted = new Set<string>()
  private tooMany = false

  constructor(context: SourceContext, options: EngineSeriesOptions) {
    this.context = context
    this.options = options
    const { host } = new URL(options.url)
    this.rejected = new RejectedValues(context, { layer: 'engine', host, source: options.source, clock: 'run' })
  }

  /** Takes a page's samples; returns how many figures were recorded. */
  take(samples: readonly MetricSample[], tNs: number): number {
    const chosen = this.choose(samples)
    const { counters } = this.context.writers
    const restarts: string[] = []
    for (const [series, value] of chosen) {
      const known = this.checked(series, value, tNs)
      if (series.metric.kind === 'total' && known !== null) {
        if (known < series.last) restarts.push(series.said)
        series.last = known
      }
      counters.append({ track_id: series.trackId, t_ns: tNs, value: known })
    }
    this.report(restarts)
    return chosen.size
  }

  /** Null if the server had no value, or one that is impossible for its unit. */
  private checked({ metric, said }: Series, value: number, tNs: number): number | null {
    const possible = possibleValue(metric.unit, value)
    if (!Number.isNaN(possible)) return possible
    if (Number.isFinite(value)) this.rejected.add(tNs, null, said, String(value))
    return null
  }

  /** A figure's value under the preferred of its names; if a line occurs twice, the first. */
  private choose(samples: readonly MetricSample[]): Map<Series, number> {
    const found: [Line, number][] = []
    for (const { name, labels, value } of samples) {
      const line = this.lineOf(name, labels)
      if (line !== null) found.push([line, value])
    }
    const best = new Map<Series, [preference: number, value: number]>()
    for (const [line, value] of found) {
      line.series ??= this.seriesOf(line, found)
      if (line.series === null) continue
      const { preference } = line.metric
      const before = best.get(line.series)
      if (before === undefined || preference < before[0]) best.set(line.series, [preference, value])
    }
    return new Map([...best].map(([series, [, value]]) => [series, value]))
  }

  private lineOf(name: string, text: string): Line | null {
    const key = `${name}{${text}`
    const known = this.lines.get(key)
    if (known !== undefined) return known
    const metric = engineMetric(name)
    const line = metric === null ? null : { metric, labels: parseLabels(text), series: null, field: name }
    if (this.lines.size < 4 * MOST_SERIES) this.lines.set(key, line)
    return line
  }

  private seriesOf({ metric, labels, field }: Line, page: readonly [Line, number][]): Series | null {
    const key = `${metric.track}${identityOf(labels)}`
    const known = this.series.get(key)
    if (known !== undefined) return known
    if (this.series.size >= MOST_SERIES) {
      this.context.countLost('tracks', 1)
      if (!this.tooMany) {
        this.context.note(
          `engine metrics: more than ${MOST_SERIES} series on the page; series past them are not recorded`,
        )
      }
      this.tooMany = true
      return null
    }
    const siblings = page.flatMap(([line]) => (line.metric.track === metric.track ? [line.labels] : []))
    const process = processOf(labels)
    const variant = variantOf(labels, siblings)
    const series: Series = {
      trackId: this.context.trackId(),
      said: [metric.track, process, variant].filter((part) => part !== null).join(' of '),
      metric,
      last: Number.NaN,
    }
    this.series.set(key, series)
    this.context.writers.tracks.append({
      track_id: series.trackId,
      layer: codeOf(LAYERS, 'engine'),
      host: new URL(this.options.url).host,
      process,
      device: variant,
      name: metric.track,
      unit: metric.unit,
      clock: 'run',
      attrs: JSON.stringify({
        source: this.options.source,
        field,
        kind: metric.kind,
        labels,
        replica: replicaOf(labels),
        sample_period_ns: this.options.periodMs * 1e6,
      }),
    })
    return series
  }

  private report(restarts: readonly string[]): void {
    const fresh = restarts.filter((each) => !this.restarted.has(each))
    const [first] = fresh
    if (first === undefined) return
    for (const each of fresh) this.restarted.add(each)
    const more = fresh.length === 1 ? '' : ` and ${fresh.length - 1} more`
    this.context.note(
      `engine metrics: ${first}${more} fell: the server restarted, or its counters were reset; increases are counted from zero from there on`,
    )
  }
}
