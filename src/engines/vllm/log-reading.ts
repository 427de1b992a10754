import { closeSync, openSync, readSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

/** What vLLM's log says when a phase of its start begins, in order, and the share of the start that lies behind it then. */
const PHASES = [
  { said: 'non-default args', text: 'reading the model’s configuration', share: 0.25 },
  { said: 'Resolved architecture', text: 'starting its engine process', share: 0.45 },
  { said: 'Initializing a V1 LLM engine', text: 'starting its worker process', share: 0.6 },
  { said: 'Starting to load model', text: 'loading weights', share: 0.8 },
  { said: 'KV cache size', text: 'warming up', share: 0.85 },
  { said: 'init engine (', text: 'opening its API', share: 0.95 },
] as const

export interface Phase {
  text: string
  /** 0 to 1. */
  share: number
}

/** Of a line that is shown beside others. */
const LINE_LENGTH = 100

/** Follows a log as it grows; each call returns the newest phase since the last, if one began. */
export class PhaseReader {
  readonly #path: string
  #read = 0
  #next = 0
  #rest = ''
  #line = ''
  #lastLine = ''

  constructor(path: string) {
    this.#path = path
  }

  /** The newest whole line of the log with a message, without the prefix that names the process. */
  get lastLine(): string {
    return this.#lastLine
  }

  poll(): Phase | undefined {
    const added = this.#readOn()
    const lines = (this.#line + added).split('\n')
    this.#line = (lines.pop() ?? '').slice(0, 1000)
    const said = lines.map(bare).findLast((line) => /\w/.test(line))
    if (said !== undefined) this.#lastLine = withoutColours(said).slice(0, LINE_LENGTH)
    this.#rest += added
    let begun: Phase | undefined
    for (let i = this.#next; i < PHASES.length; i++) {
      const phase = PHASES[i]
      if (phase === undefined || !this.#rest.includes(phase.said)) continue
      begun = phase
      this.#next = i + 1
    }
    // A phrase may arrive in two parts.
    this.#rest = this.#rest.slice(-100)
    return begun
  }

  #readOn(): string {
    const file = openSync(this.#path, 'r')
    try {
      const bytes = Buffer.alloc(64 * 1024)
      let text = ''
      for (;;) {
        const got = readSync(file, bytes, 0, bytes.length, this.#read)
        if (got === 0) return text
        this.#read += got
        text += bytes.toString('latin1', 0, got)
      }
    } finally {
      closeSync(file)
    }
  }
}

const EXCEPTION = /^(?:\[[^\]]*\]\s*)?((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)): ?(.*)$/
const USAGE = /^\S+\.py: (error: .*)$/

/**
 * Why vLLM ended, from its log: the last exception, or the one that it calls the root cause, which a child process logged
 * before; else the last line.
 */
export function failureReason(log: string): string {
  const lines = log.split('\n').map(bare)
  const exceptions = lines.flatMap((line, i) => {
    const usage = USAGE.exec(line)
    if (usage !== null) return [usage[1] ?? line]
    const [, name, text] = EXCEPTION.exec(line) ?? []
    if (name === undefined) return []
    // pydantic says in the lines below what is wrong.
    const more = /validation error/.test(text ?? '') ? lines.slice(i + 1).find((next) => next !== '') : undefined
    return [
      `${name.split('.').at(-1)}: ${(more ?? text ?? '').replace(/^Value error, /, '').replace(/ \[type=\w+, input_value=.*$/, '')}`,
    ]
  })
  const reason = exceptions.findLast((text) => !/root cause above|Engine core initialization failed/.test(text))
  return (reason ?? lines.findLast((line) => line !== '') ?? 'it printed nothing').slice(0, 400)
}

/** The prefix of a log line, which names the process: `(Worker pid=1) ERROR 11-22 04:56:08 [file.py:953] `. */
function bare(line: string): string {
  return line
    .replace(/^\(\w+ pid=\d+\) ?/, '')
    .replace(/^(?:ERROR|WARNING|INFO|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d \[[\w.]+:\d+\] ?/, '')
    .trim()
}

/** Tables and progress bars come with the terminal's colours, and redraw themselves. */
function withoutColours(line: string): string {
  return stripVTControlCharacters(line.split('\r').findLast((part) => part.trim() !== '') ?? '').trim()
}
