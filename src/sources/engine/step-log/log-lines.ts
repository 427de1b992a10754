import { requestIdReader } from '../../requests/header-run-id.ts'
import type { SourceContext } from '../../source.ts'
import { type ClockLine, readStepLine, type StepLogHead } from './step-lines.ts'
import { type StepClock, StepRows } from './step-rows.ts'

/**
 * A step of thousands of requests is some hundred kB: a longer text without a line end is not part of the log, and is
 * dropped.
 */
const MOST_LINE = 16 << 20

/** Turns one log's text, as it arrives, into rows line by line. */
export class LogLines {
  problem: string | null = null
  /** Whole lines that came. */
  count = 0
  private readonly context: SourceContext
  private readonly file: string
  private readonly clockOf: (head: StepLogHead) => StepClock & { see?(line: ClockLine): void }
  private clock: ReturnType<LogLines['clockOf']> | null = null
  private rows: StepRows | null = null
  private rest = ''
  private broken = 0

  /** `clockOf`: what the log's times are in the run. */
  constructor(context: SourceContext, file: string, clockOf: LogLines['clockOf']) {
    this.context = context
    this.file = file
    this.clockOf = clockOf
  }

  push(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop() ?? ''
    if (this.rest.length > MOST_LINE) this.rest = ''
    this.count += lines.length
    for (const line of lines) this.take(line)
  }

  /** The text broke off; what is pushed next begins with the line that broke. */
  cut(): void {
    this.rest = ''
  }

  private take(text: string): void {
    const read = readStepLine(text)
    if (read.kind === 'head') this.begin(read.head)
    else if (read.kind === 'scheduled') this.rows?.scheduled(read.line)
    else if (read.kind === 'ended') this.rows?.ended(read.line)
    else if (read.kind === 'clock') this.clock?.see?.(read.line)
    else if (read.kind === 'dropped') this.problem = `step log: ${this.file} is full: later steps are missing`
    else if (++this.broken === 1) this.problem = `step log: ${this.file}: a line that is no step: ${text.slice(0, 80)}`
  }

  private begin(head: StepLogHead): void {
    if (this.rows !== null) return
    this.clock = this.clockOf(head)
    this.rows = new StepRows(this.context, head, this.file, requestIdReader(this.context.runId), this.clock)
  }
}
