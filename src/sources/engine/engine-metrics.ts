import { LayerlineError } from '../../base/errors.ts'
import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import { fetchMetrics } from '../prometheus/metrics-page.ts'
import { parseLabels, parseMetrics } from '../prometheus/parse-metrics.ts'
import { MetricsScraper, type PageTaker } from '../prometheus/scraper.ts'
import type { PreparedSource, SourceContext } from '../source.ts'
import { ENGINE_METRICS, type EngineMetric } from './metric-names.ts'

const LEAST_PERIOD_MS = 100
const isKnown = (name: string): boolean => ENGINE_METRICS.has(name)

/**
 * A server's page of metrics as counters of the layer `engine`, every `periodMs` but no more often than ten times a
 * second. Asked once before a run: throws `usage/url`, `unreachable/metrics` or `input/metrics`.
 */
export async function prepareEngineMetrics(given: string, periodMs: number): Promise<PreparedSource> {
  if (!/^https?:\/\//.test(given) || !URL.canParse(given)) {
    throw new LayerlineError('usage/url', `--engine-metrics ${given}: expected a URL, as http://host:8000/metrics`)
  }
  const at = new URL(given)
  if (at.pathname === '/') at.pathname = '/metrics'
  const url = at.href
  const source = { url, what: 'the server', hint: 'vLLM shows its metrics at http://HOST:8000/metrics' }
  if (parseMetrics(await fetchMetrics(source), isKnown).length === 0) {
    throw new LayerlineError('input/metrics', `${url}: no metric of an engine on that page; expected vllm:…`, {
      hint: 'name the page of the server itself, not of a router or an exporter in front of it',
    })
  }
  return new MetricsScraper({
    ...source,
    label: 'engine metrics',
    layer: 'engine',
    periodMs: Math.max(LEAST_PERIOD_MS, periodMs),
    slowsDown: false,
    begin: (context) => new EnginePages(context, url, Math.max(LEAST_PERIOD_MS, periodMs)),
  })
}

class EnginePages implements PageTaker {
  private readonly context: SourceContext
  private readonly url: string
  private readonly periodMs: number
  private readonly tracks = new Map<string, number>()

  constructor(context: SourceContext, url: string, periodMs: number) {
    this.context = context
    this.url = url
    this.periodMs = periodMs
  }

  page(text: string, tNs: number): void {
    const { counters } = this.context.writers
    for (const { name, labels, value } of parseMetrics(text, isKnown)) {
      const key = `${name}{${labels}`
      let track = this.tracks.get(key)
      if (track === undefined) {
        track = this.makeTrack(name, labels)
        this.tracks.set(key, track)
      }
      counters.append({ track_id: track, t_ns: tNs, value: Number.isFinite(value) ? value : null })
    }
  }

  end(): void {}

  private makeTrack(name: string, text: string): number {
    const { track, unit, kind } = ENGINE_METRICS.get(name) as EngineMetric
    const labels = parseLabels(text)
    const id = this.context.trackId()
    this.context.writers.tracks.append({
      track_id: id,
      layer: codeOf(LAYERS, 'engine'),
      host: new URL(this.url).host,
      process: labels.engine === undefined ? null : `engine ${labels.engine}`,
      name: track,
      unit,
      clock: 'run',
      attrs: JSON.stringify({ source: this.url, field: name, kind, labels, sample_period_ns: this.periodMs * 1e6 }),
    })
    return id
  }
}
