import { errorText } from '../../base/errors.ts'
import { safeUrl } from '../../config/without-secrets.ts'
import { CERTIFY_GAP } from '../../trace/certify.ts'
import { GapTrack } from '../gap-track.ts'
import type { PreparedSource, SourceContext, Toggle } from '../source.ts'
import { fetchMetrics, type MetricsSource } from './metrics-page.ts'
import { whatPage } from './what-page.ts'

export interface ScraperOptions extends MetricsSource {
  /** For notes: `gpu`, `engine metrics`. */
  label: string
  layer: 'gpu' | 'engine'
  periodMs: number
  /** Whether a page that stays the same may be asked for less often, once a second at least. */
  slowsDown: boolean
  /** Makes what takes the pages of a run. */
  begin(context: SourceContext): PageTaker
}

export interface PageTaker {
  /** Returns how many samples of the page were recorded. */
  page(text: string, tNs: number): number
  end(): void
}

const SLOW_MS = 1000
const SAME_PAGES = 10
/** While nothing answers, it is asked this often at most. */
const DOWN_MS = 1000

/** Scrapes a page of metrics again and again: a page's time is the middle between question and answer. */
export class MetricsScraper implements PreparedSource {
  problem: string | null = null
  private readonly options: ScraperOptions
  private context: SourceContext | null = null
  private taker: PageTaker | null = null
  private gaps: GapTrack | null = null
  private timer: NodeJS.Timeout | undefined
  private scraping: Promise<void> = Promise.resolve()
  private dueMs = 0
  private before = ''
  private same = 0
  private down = false
  private stopped = false
  private paused = false

  constructor(options: ScraperOptions) {
    this.options = options
  }

  async start(context: SourceContext): Promise<void> {
    const { layer, url, periodMs } = this.options
    this.context = context
    const longestPauseNs = Math.max(2e9, 10 * periodMs * 1e6)
    this.gaps = new GapTrack(context, { layer, host: new URL(url).host, source: safeUrl(url), longestPauseNs })
    this.taker = this.options.begin(context)
    await this.scrape()
    this.dueMs = performance.now()
    this.schedule()
  }

  get toggle(): Toggle {
    const { label: name } = this.options
    return {
      name,
      off: 'paused',
      pause: async () => {
        this.paused = true
        clearTimeout(this.timer)
        await this.scraping
        this.gaps?.pause(CERTIFY_GAP)
      },
      resume: async () => {
        this.paused = false
        this.gaps?.resume()
        this.dueMs = performance.now()
        this.schedule()
      },
    }
  }

  /** Takes a last page, so that totals cover the whole run. */
  async stop(): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    clearTimeout(this.timer)
    await this.scraping
    if (this.context === null) return
    await this.scrape()
    this.gaps?.end()
    this.taker?.end()
  }

  private schedule(): void {
    const { periodMs, slowsDown } = this.options
    const slow = slowsDown && this.same >= SAME_PAGES
    const waitMs = Math.max(periodMs, this.down ? DOWN_MS : slow ? SLOW_MS : 0)
    const now = performance.now()
    while (this.dueMs <= now) this.dueMs += waitMs
    this.timer = setTimeout(() => {
      this.scraping = this.scrape().then(() => {
        if (!this.stopped && !this.paused) this.schedule()
      })
    }, this.dueMs - now)
    this.timer.unref()
  }

  private async scrape(): Promise<void> {
    const { context, gaps } = this
    if (context === null) return
    const askedNs = context.clock.now()
    try {
      const page = await fetchMetrics(this.options)
      const tNs = (askedNs + context.clock.now()) / 2
      if (this.taker?.page(page, tNs) === 0)
        throw new Error(`none of the metrics sought on the page: ${whatPage(page)}`)
      this.same = page === this.before ? this.same + 1 : 0
      this.before = page
      this.down = false
      gaps?.sample(tNs)
    } catch (error) {
      gaps?.outage(errorText(error))
      if (!this.down) context.note(`${this.options.label}: ${errorText(error)}; asked again until it answers`)
      this.down = true
    }
  }
}
