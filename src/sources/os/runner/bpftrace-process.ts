import type { ChildProcess } from 'node:child_process'
import { setPriority } from 'node:os'
import { childEnd, endChild, LATE, within } from '../../../base/bounded-wait.ts'
import { errorCode, errorText, LayerlineError } from '../../../base/errors.ts'
import { spawnGroup } from '../../../base/tool.ts'
import { BatchedPipe } from '../../batched-pipe.ts'
import { type BpftraceMessage, readBpftraceLine } from '../output/ndjson.ts'
import { bpftraceError, noBpftrace, silentBpftrace } from './bpftrace-errors.ts'

/** After an interrupt it prints its maps; big ones take a while. */
const FLUSH_MS = 10_000
/** A map with all its keys is some MB; a longer line is not bpftrace's, and is dropped. */
const MOST_LINE = 64 << 20
/** A bpftrace that has attached nothing yet has nothing to print. */
const GIVE_UP_MS = 500
/** It compiles and reads the kernel's types before its first output; a large library's symbols before it is ready. */
const FIRST_WORD_MS = 20_000
const FIRST_WORD_VARIABLE = 'LAYERLINE_BPFTRACE_TIMEOUT_S'
const READY_MS = 120_000
const KEPT_STDERR = 20_000
/** After SIGKILL. */
const STUCK_MS = 5_000
/**
 * The size of each CPU's event buffer, in pages of 4 KiB. While bpftrace attaches to a large library it reads nothing
 * for 2 s and
 * more, and in that time a Python program opens thousands of files, its weights among them.
 */
const BUFFER_PAGES = 2048
/** The kernel's limit for one string on a probe's stack, less the space of other data there. */
const STRING_BYTES = 200

export interface BpftraceOptions {
  readonly script: string
  /** Most keys of a map: further ones are silently not counted. */
  readonly mapKeys: number
  readonly onMessage: (message: BpftraceMessage) => void
  /** It has ended; `asked`: because `stop` was called. */
  readonly onEnd?: (how: string, asked: boolean) => void
  /** Gives up before it is ready. */
  readonly signal?: AbortSignal | undefined
  /** Called when its process group has started, and when it has ended. */
  readonly onGroup?: ((pid: number, isOver: boolean) => void) | undefined
}

/** A running bpftrace, in a process group of its own: Layerline itself handles Ctrl-C in a terminal. */
export class BpftraceProcess {
  /** Resolves when all probes are attached; rejects with a hint if that fails. */
  readonly ready: Promise<void>
  readonly pid: number | null
  private readonly child: ChildProcess
  private readonly ended: Promise<void>
  private stopping = false
  private isReady = false
  private over = false

  constructor(options: BpftraceOptions) {
    const env = {
      ...process.env,
      BPFTRACE_STRLEN: String(STRING_BYTES),
      BPFTRACE_MAP_KEYS_MAX: String(options.mapKeys),
      BPFTRACE_PERF_RB_PAGES: String(BUFFER_PAGES),
      // Layerline finds the names of functions itself, from the maps of a living process.
      BPFTRACE_NO_USER_SYMBOLS: '1',
    }
    // It writes each line separately.
    const output = BatchedPipe.open('utf8')
    const child = spawnGroup('bpftrace', ['-f', 'json', '-e', options.script], {
      stdio: ['ignore', output.writeFd, 'pipe'],
      env,
    })
    this.child = child
    if (child.pid !== undefined) favour(child.pid)
    this.pid = child.pid ?? null
    if (this.pid !== null) options.onGroup?.(this.pid, false)
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      heard()
      stderr = (stderr + text).slice(-KEPT_STDERR)
    })
    let ready: () => void = () => undefined
    let failed: (error: LayerlineError) => void = () => undefined
    const { signal } = options
    const giveUp = (error: LayerlineError): void => {
      failed(error)
      void this.stop()
    }
    const onAbort = (): void =>
      giveUp(new LayerlineError('interrupted/signal', 'bpftrace: given up before it was ready'))
    const late = (ms: number): NodeJS.Timeout => setTimeout(() => giveUp(silentBpftrace(ms, stderr)), ms)
    let timer = late(firstWordMs())
    let isHeard = false
    const heard = (): void => {
      if (isHeard || this.isReady || this.stopping) return
      isHeard = true
      clearTimeout(timer)
      timer = late(READY_MS)
    }
    this.ready = new Promise<void>((resolve, reject) => {
      ready = resolve
      failed = reject
    }).finally(() => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    })
    signal?.addEventListener('abort', onAbort, { once: true })
    // A caller that does not wait for it learns of the end by `onEnd`.
    this.ready.catch(() => undefined)
    const take = (line: string): void => {
      const message = readBpftraceLine(line)
      if (message === null) return
      if (message.kind === 'event' && message.name === 'tick') {
        this.isReady = true
        ready()
      }
      options.onMessage(message)
    }
    let rest = ''
    output.onText((text) => {
      heard()
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MOST_LINE) rest = ''
      for (const line of lines) take(line)
    })
    this.ended = childEnd(child, { endedBy: '`stop`, or itself' }).then((end) => {
      this.over = true
      if (this.pid !== null) options.onGroup?.(this.pid, true)
      output.close()
      if (rest !== '') take(rest)
      if (end === LATE) return
      if (end.error !== null) failed(notStarted(end.error))
      const how = end.signal === null ? `ended with ${end.code}` : `was ended by ${end.signal}`
      failed(bpftraceError(stderr, how))
      options.onEnd?.(how, this.stopping)
    })
    if (signal?.aborted) onAbort()
  }

  /** Asks for its last counts, waits for them, and kills it if they do not come. */
  async stop(): Promise<void> {
    this.stopping = true
    if (!this.over && this.pid !== null) {
      const patienceMs = this.isReady ? FLUSH_MS : GIVE_UP_MS
      await endChild(this.child, { signal: 'SIGINT', patienceMs, group: true })
    }
    await within(this.ended, STUCK_MS)
  }
}

/** On a slow machine its first output may take longer. */
function firstWordMs(): number {
  const seconds = Number(process.env[FIRST_WORD_VARIABLE])
  return seconds > 0 ? seconds * 1000 : FIRST_WORD_MS
}

function notStarted(error: Error): LayerlineError {
  return errorCode(error) === 'ENOENT' ? noBpftrace(error) : new LayerlineError('missing/bpftrace', errorText(error))
}

/** On a busy machine, the time of counts that are read late is unknown. */
function favour(pid: number): void {
  try {
    setPriority(pid, -10)
  } catch {
    // It continues without.
  }
}
