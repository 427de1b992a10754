import { LayerlineError } from '../../base/errors.ts'
import { safeUrl } from '../../config/without-secrets.ts'
import { fetchMetrics } from '../prometheus/metrics-page.ts'
import { parseMetrics } from '../prometheus/parse-metrics.ts'
import { MetricsScraper, type PageTaker } from '../prometheus/scraper.ts'
import { namesOn, whatPage } from '../prometheus/what-page.ts'
import type { PreparedSource, SourceContext } from '../source.ts'
import { EngineSeries } from './engine-series.ts'
import { engineMetric, isEngineName, KNOWN_ENGINES } from './metric-names.ts'

const LEAST_PERIOD_MS = 100
/** Names looked up once; a page has some hundreds. */
const MOST_NAMES = 10_000

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
  const source = {
    url,
    what: 'the server',
    hint: 'vLLM, SGLang, llama.cpp and TGI show their metrics at http://HOST:PORT/metrics, where they are switched on',
    jsonHint: 'trtllm-serve answers JSON at /metrics and has the text at /prometheus/metrics',
  }
  const page = await fetchMetrics(source)
  const names = namesOn(page)
  const period = Math.max(LEAST_PERIOD_MS, periodMs)
  if (!names.some((name) => engineMetric(name) !== null || isEngineName(name))) {
    throw new LayerlineError('input/metrics', `${safeUrl(url)}: no metric of a known engine: ${whatPage(page)}`, {
      hint: `known are ${KNOWN_ENGINES}`,
    })
  }
  return new MetricsScraper({
    ...source,
    label: 'engine metrics',
    layer: 'engine',
    periodMs: period,
    slowsDown: false,
    begin: (context) => new EnginePages(context, url, period),
  })
}

class EnginePages implements PageTaker {
  private readonly series: EngineSeries
  private readonly known = new Map<string, boolean>()

  constructor(context: SourceContext, url: string, periodMs: number) {
    this.series = new EngineSeries(context, { url, source: safeUrl(url), periodMs })
  }

  page(text: string, tNs: number): number {
    return this.series.take(
      parseMetrics(text, (name) => this.isKnown(name)),
      tNs,
    )
  }

  end(): void {}

  private isKnown(name: string): boolean {
    const known = this.known.get(name)
    if (known !== undefined) return known
    const found = engineMetric(name) !== null
    if (this.known.size < MOST_NAMES) this.known.set(name, found)
    return found
  }
}
