import { type ChildProcess, spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import { errorCode, errorText, LayerlineError } from '../../../base/errors.ts'
import { BatchedPipe } from '../../batched-pipe.ts'
import { type BpftraceMessage, readBpftraceLine } from '../output/ndjson.ts'
import { bpftraceError, noBpftrace } from './bpftrace-errors.ts'

/** After an interrupt it prints its maps; big ones take a while. */
const FLUSH_MS = 10_000
/** A map of all its keys is some MB; what is longer is no line of bpftrace's, and given up. */
const MOST_LINE = 64 << 20
const KEPT_STDERR = 20_000
/**
 * Of the buffer that each CPU's events wait in, 4 KiB each. While bpftrace attaches to a large library it reads nothing for 2 s and
 * more, and in that time a Python program opens thousands of files, its weights among them.
 */
const BUFFER_PAGES = 2048
/** The kernel's limit for one string on a probe's stack, less what else lies there. */
const STRING_BYTES = 200

export interface BpftraceOptions {
  readonly script: string
  /** Keys of a map at most: what comes beyond is not counted, without a word. */
  readonly mapKeys: number
  readonly onMessage: (message: BpftraceMessage) => void
  /** It has ended; `asked`: because `stop` said so. */
  readonly onEnd?: (how: string, asked: boolean) => void
}

/** A bpftrace at work, in a process group of its own: Ctrl-C in a terminal is ours to handle. */
export class BpftraceProcess {
  /** Resolves when all probes are attached; rejects with what to do where that fails. */
  readonly ready: Promise<void>
  readonly pid: number | null
  private readonly child: ChildProcess
  private readonly ended: Promise<void>
  private stopping = false
  private over = false

  constructor(options: BpftraceOptions) {
    const env = {
      ...process.env,
      BPFTRACE_STRLEN: String(STRING_BYTES),
      BPFTRACE_MAP_KEYS_MAX: String(options.mapKeys),
      BPFTRACE_PERF_RB_PAGES: String(BUFFER_PAGES),
      // Names of functions are found by us, from the maps of a living process.
      BPFTRACE_NO_USER_SYMBOLS: '1',
    }
    // It writes each line by itself.
    const output = BatchedPipe.open('utf8')
    const child = spawn('bpftrace', ['-f', 'json', '-e', options.script], {
      stdio: ['ignore', output.writeFd, 'pipe'],
      detached: true,
      env,
    })
    this.child = child
    if (child.pid !== undefined) favour(child.pid)
    this.pid = child.pid ?? null
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-KEPT_STDERR)
    })
    let ready: () => void = () => undefined
    let failed: (error: LayerlineError) => void = () => undefined
    this.ready = new Promise((resolve, reject) => {
      ready = resolve
      failed = reject
    })
    // Whoever does not wait for it hears of the end by `onEnd`.
    this.ready.catch(() => undefined)
    const take = (line: string): void => {
      const message = readBpftraceLine(line)
      if (message === null) return
      if (message.kind === 'event' && message.name === 'tick') ready()
      options.onMessage(message)
    }
    let rest = ''
    output.onText((text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MOST_LINE) rest = ''
      for (const line of lines) take(line)
    })
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        failed(
          errorCode(error) === 'ENOENT' ? noBpftrace(error) : new LayerlineError('missing/bpftrace', errorText(error)),
        )
        if (child.pid !== undefined) return
        output.close()
        resolve()
      })
      child.once('close', (code, signal) => {
        this.over = true
        output.close()
        if (rest !== '') take(rest)
        const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`
        failed(bpftraceError(stderr, how))
        options.onEnd?.(how, this.stopping)
        resolve()
      })
    })
  }

  /** Asks for its last counts, waits for them, and ends it by force where they do not come. */
  async stop(): Promise<void> {
    this.stopping = true
    if (!this.over && this.pid !== null) {
      // One that was stopped by somebody hears nothing else.
      this.child.kill('SIGCONT')
      this.child.kill('SIGINT')
    }
    const late = setTimeout(() => this.child.kill('SIGKILL'), FLUSH_MS)
    await this.ended
    clearTimeout(late)
  }
}

/** On a machine that is busy, counts that are read late are of an unknown time. */
function favour(pid: number): void {
  try {
    setPriority(pid, -10)
  } catch {
    // It goes on without.
  }
}
