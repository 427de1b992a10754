import type { ReadStream, WriteStream } from 'node:tty'
import type { FigureBook } from '../../session/live/figure-book.ts'
import type { RequestRunView, RunProbe } from '../../session/request-run.ts'
import type { StopSignal } from '../../session/stop-signal.ts'
import { History } from './chart/history.ts'
import { frame } from './frame/frame.ts'
import type { LiveStyle } from './frame/live-style.ts'
import { type LivePhase, type LiveState, VIEWS, type ViewName } from './live-state.ts'
import { Screen } from './screen.ts'
import { readKeys, terminalOutput } from './terminal.ts'

/** How many notes are kept for the end, and how long each is shown. */
const MOST_NOTES = 50
const NOTE_MS = 15_000
const LONGEST_WINDOW_MS = 3_600_000
const SHORTEST_WINDOW_MS = 5_000

export interface DashboardOptions {
  command: string
  subject: string
  book: FigureBook
  stop: StopSignal
  /** The terminal; keys are read where `input` is one too. */
  output: WriteStream & { readonly fd: number }
  input: ReadStream | null
  style: LiveStyle
  /** Time between frames. */
  frameMs: number
  sampleIntervalMs: number
  windowMs: number
}

/** The live dashboard of one run, on the terminal's other screen from its first call to `close`. */
export class Dashboard implements RequestRunView {
  /** Notes made meanwhile: they disappear with the screen, so the code that opened it shows them afterwards. */
  readonly notes: string[] = []
  private readonly shownUntilMs: number[] = []
  private readonly options: DashboardOptions
  private readonly screen: Screen
  private readonly history = new History()
  private readonly timer: NodeJS.Timeout
  private readonly keys: { end(): void } | null
  private probe: RunProbe | null = null
  private phase: LivePhase = 'starting'
  private sealed: number | null = null
  private view: ViewName = 'load'
  private help = false
  private windowMs: number
  private figures: LiveState['figures'] = null
  private closed = false

  constructor(options: DashboardOptions) {
    this.options = options
    this.windowMs = options.windowMs
    this.screen = new Screen(terminalOutput(options.output))
    process.on('exit', this.restore)
    // The trace of a crash is printed before `exit`: it must not go to the screen that is left.
    process.on('uncaughtExceptionMonitor', this.restore)
    process.on('SIGCONT', this.resumed)
    options.output.on('resize', this.resized)
    this.keys = options.input === null ? null : readKeys(options.input, (key) => this.key(key))
    this.screen.enter()
    this.timer = setInterval(() => this.sample(), options.frameMs)
    this.draw()
  }

  running(probe: RunProbe): void {
    this.probe = probe
    this.phase = this.options.stop.stage === 'running' ? 'running' : this.options.stop.stage
    this.sample()
  }

  note(text: string): void {
    if (this.notes.length >= MOST_NOTES) return
    this.notes.push(text)
    this.shownUntilMs.push(performance.now() + NOTE_MS)
    this.draw()
  }

  stopping(stage: 'draining' | 'cut'): void {
    this.phase = stage
    this.draw()
  }

  sealing({ done, total }: { done: number; total: number }): void {
    this.phase = 'sealing'
    this.sealed = done / total
    this.draw()
  }

  /** Gives the terminal back; safe to repeat. */
  close(): void {
    if (this.closed) return
    this.closed = true
    clearInterval(this.timer)
    this.restore()
    process.off('exit', this.restore)
    process.off('uncaughtExceptionMonitor', this.restore)
    process.off('SIGCONT', this.resumed)
    this.options.output.off('resize', this.resized)
  }

  private readonly restore = (): void => {
    this.screen.leave()
    this.keys?.end()
  }

  private readonly resized = (): void => {
    this.screen.forget()
    this.draw()
  }

  /** Back from a stop by the shell, which has drawn over the frame and changed the terminal's mode. */
  private readonly resumed = (): void => {
    if (this.closed) return
    if (this.keys !== null) this.options.input?.setRawMode(true)
    this.resized()
  }

  private sample(): void {
    // While the run is sealed nothing of it changes any more.
    if (this.phase !== 'sealing') {
      this.figures = this.options.book.snapshot() ?? this.figures
      if (this.figures !== null) this.history.add(this.figures)
    }
    this.draw()
  }

  private draw(): void {
    if (this.closed) return
    const { output, style } = this.options
    this.screen.draw(frame(this.state(), { columns: output.columns ?? 80, rows: output.rows ?? 24 }, style))
  }

  private state(): LiveState {
    const { command, subject, sampleIntervalMs } = this.options
    const { phase, sealed, figures, history, view, help, windowMs } = this
    const notes = this.notes.filter((_, i) => (this.shownUntilMs[i] as number) > performance.now())
    return {
      command,
      subject,
      phase,
      sealed,
      figures,
      history,
      sampleIntervalMs,
      windowNs: windowMs * 1e6,
      view,
      help,
      keys: this.keys !== null,
      notes,
    }
  }

  private key(key: string): void {
    const { stop } = this.options
    if (key === '\x03' || key === 'q' || key === 'Q') stop.advance()
    else if (key === ' ') this.hold()
    else if (key === '\t') this.view = VIEWS[(VIEWS.indexOf(this.view) + 1) % VIEWS.length] as ViewName
    else if (key === '+' || key === '=') this.windowMs = Math.max(SHORTEST_WINDOW_MS, this.windowMs / 2)
    else if (key === '-') this.windowMs = Math.min(LONGEST_WINDOW_MS, this.windowMs * 2)
    else if (key === '?' || key === 'h') this.help = !this.help
    else if (key === '\x1b') this.help = false
    else if (key === 'r' || key === '\x0c') this.screen.forget()
    else if (VIEWS[Number(key) - 1] !== undefined) this.view = VIEWS[Number(key) - 1] as ViewName
    else return
    this.figures = this.options.book.snapshot() ?? this.figures
    this.draw()
  }

  private hold(): void {
    const gate = this.probe?.gate
    if (gate === undefined || this.phase !== 'running') return
    if (gate.paused) gate.resume()
    else gate.pause()
  }
}
