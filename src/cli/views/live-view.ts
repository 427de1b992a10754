import { LayerlineError } from '../../base/errors.ts'
import { type ColorDepth, paletteFor } from '../../dashboard/live/chart/palette.ts'
import { Dashboard } from '../../dashboard/live/dashboard.ts'
import type { LiveStyle } from '../../dashboard/live/frame/live-style.ts'
import { logLine } from '../../dashboard/live/log-line.ts'
import { isForeground } from '../../dashboard/live/terminal.ts'
import { withoutControls } from '../../dashboard/text/text.ts'
import { startMetricsServer } from '../../server/metrics-server.ts'
import { FigureBook } from '../../session/live/figure-book.ts'
import { metricsText } from '../../session/live/metrics-text.ts'
import { osMetricsText } from '../../session/live/os-metrics-text.ts'
import type { RequestRunView } from '../../session/request-run.ts'
import type { StopSignal } from '../../session/stop-signal.ts'
import type { LIVE_OPTIONS } from '../options/option-groups.ts'
import type { OptionValues } from '../options.ts'

type ViewPart = 'running' | 'note' | 'stopping' | 'sealing'
type Drawn = Required<Pick<RequestRunView, ViewPart>> & { close(): void }

const FRAME_S = 0.25
const LINE_S = 5
const SAMPLE_INTERVAL_S = 5
const PLOT_WINDOW_S = 60

export interface LiveViewOptions {
  command: string
  /** What is sent to whom, for the title. */
  subject: string
  plannedRequests: number | null
  stop: StopSignal
  options: OptionValues<(typeof LIVE_OPTIONS)[number]>
  /** Nothing is drawn; the figures can still be scraped. */
  quiet: boolean
}

export const STOPPING = {
  draining: 'stopping: waiting up to 5 s for requests in flight; Ctrl-C again cuts them off',
  cut: 'cutting off what is in flight',
} as const

export interface LiveView extends Required<Pick<RequestRunView, ViewPart | 'ended' | 'merged' | 'live'>> {
  /** Whether it shows anything; else its figures can only be scraped. */
  readonly drawn: boolean
  /** Gives the terminal back and says what was noted meanwhile; safe to repeat. */
  close(): void
}

/**
 * Shows a run in progress: a dashboard if standard error is a terminal, else a line every `--log-every` seconds; and,
 * with `--metrics-port`, the same figures for Prometheus. Throws `usage/port`.
 */
export async function liveView(given: LiveViewOptions): Promise<LiveView> {
  const { options, quiet, plannedRequests } = given
  const sampleIntervalMs = secondsOf(options, 'sample-interval', SAMPLE_INTERVAL_S) * 1000
  const book = new FigureBook({ sampleIntervalMs, plannedRequests })
  const port = options['metrics-port']
  const server =
    port === undefined
      ? null
      : await startMetricsServer(port, () => metricsText(book) + (book.os === null ? '' : osMetricsText(book.os)))
  const drawn = quiet ? null : canDraw() ? dashboard(given, book, sampleIntervalMs) : lines(given, book)
  // If any free port was requested, the chosen one is printed even with --quiet.
  if (server !== null && drawn === null && port === 0) process.stderr.write(`metrics: ${server.url}\n`)
  else if (server !== null) drawn?.note(`metrics: ${server.url}`)
  let closed = false
  return {
    drawn: drawn !== null,
    live: book.live,
    running(probe) {
      book.running(probe)
      drawn?.running(probe)
    },
    ended: book.ended,
    merged: book.merged,
    note: (text) => drawn?.note(text),
    stopping: (stage) => drawn?.stopping(stage),
    sealing: (progress) => drawn?.sealing(progress),
    close() {
      if (closed) return
      closed = true
      drawn?.close()
      book.close()
      server?.close()
    },
  }
}

function canDraw(): boolean {
  return process.stderr.isTTY === true && process.env.TERM !== 'dumb' && isForeground()
}

function dashboard(given: LiveViewOptions, book: FigureBook, sampleIntervalMs: number): Drawn {
  const { options, command, subject, stop } = given
  const view = new Dashboard({
    command,
    subject,
    book,
    stop,
    output: process.stderr,
    input: process.stdin.isTTY ? process.stdin : null,
    style: styleOf(options),
    frameMs: secondsOf(options, 'log-every', FRAME_S) * 1000,
    sampleIntervalMs,
    windowMs: secondsOf(options, 'plot-window', PLOT_WINDOW_S) * 1000,
  })
  return {
    running: (probe) => view.running(probe),
    note: (text) => view.note(text),
    stopping: (stage) => view.stopping(stage),
    sealing: (progress) => view.sealing(progress),
    close() {
      view.close()
      for (const note of view.notes) process.stderr.write(`${withoutControls(note)}\n`)
    },
  }
}

function lines({ options }: LiveViewOptions, book: FigureBook): Drawn {
  const say = (text: string) => process.stderr.write(`${withoutControls(text)}\n`)
  let timer: NodeJS.Timeout | undefined
  const line = () => {
    const figures = book.snapshot()
    if (figures !== null) say(logLine(figures))
  }
  return {
    running() {
      timer = setInterval(line, secondsOf(options, 'log-every', LINE_S) * 1000)
      timer.unref()
    },
    note: say,
    stopping: (stage) => say(STOPPING[stage]),
    sealing: () => clearInterval(timer),
    close() {
      clearInterval(timer)
      // Its state at the end.
      line()
    },
  }
}

function styleOf(options: LiveViewOptions['options']): LiveStyle {
  return {
    palette: paletteFor(colorDepth()),
    noPlot: options['no-plot'],
    plotRows: options['plot-rows'] === 1 ? 1 : 2,
    plotHeight: options['plot-height'],
    sparkWidth: options['spark-width'],
    yWidth: options['y-width'] ?? 7,
    numWidth: options['num-width'] ?? 11,
    barWidth: options['bar-width'],
  }
}

/** As Node tells it, but for terminals within terminals, which say themselves that they pass all colours on. */
function colorDepth(): ColorDepth {
  const { NO_COLOR, COLORTERM = '' } = process.env
  if (NO_COLOR) return 1
  const depth = process.stderr.getColorDepth() as ColorDepth
  return depth === 8 && /^(truecolor|24bit)$/i.test(COLORTERM) ? 24 : depth
}

function secondsOf(
  options: LiveViewOptions['options'],
  name: 'log-every' | 'sample-interval' | 'plot-window',
  unset: number,
) {
  const seconds = options[name] ?? unset
  if (seconds < 0.05) throw new LayerlineError('usage/arguments', `--${name} ${seconds}: expected at least 0.05 s`)
  return seconds
}
