import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { settledBy, within } from '../../../base/bounded-wait.ts'
import { errorCode, errorText } from '../../../base/errors.ts'
import { processStart } from '../../../base/process-identity.ts'
import { LineRedactor } from '../../../base/secrets/line-redactor.ts'
import { endProcess } from '../../../engines/care/process/end-process.ts'
import { watchParent } from '../../../engines/care/process/watch-parent.ts'
import { type OomScope, oomKills, oomSince } from './oom-kills.ts'
import { endTagged, groupTicks, newTag, TAG } from './process-group.ts'

export interface WorkerCall {
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Where both of its streams are kept; null: nowhere. */
  readonly log: string | null
  readonly timeoutMs: number
  /** Ends it when it has printed nothing and used no CPU for this long; null: never. */
  readonly inactivityMs: number | null
  /** Each line of its stdout that is a JSON object with an `event`. */
  readonly onEvent?: (event: WorkerEvent) => void
  readonly stop?: AbortSignal
}

export type WorkerEvent = Readonly<Record<string, unknown>> & { readonly event: string }

/** How a worker ended, before it is judged. */
export interface WorkerEnd {
  /** Null where a signal ended it, or it never started. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What ended it. */
  readonly by: 'itself' | 'timeout' | 'hang' | 'stop' | 'no_start'
  /** The last of its stdout. */
  readonly stdout: string
  /** The last lines of both streams, for people. */
  readonly tail: string
  readonly seconds: number
  /** The limit whose memory ran out, if the kernel counted such a kill meanwhile. */
  readonly oom: OomScope | null
  /** Processes that it had left behind and that were ended. */
  readonly strays: number
}

const KEPT_STDOUT = 4 << 20
/** An engine's own process reports the error some hundred lines before its parent ends. */
const KEPT_TAIL = 64 * 1024
const MOST_LOG_BYTES = 64 << 20
const MOST_LINE_CHARS = 1 << 20
/** How long to read the pipes of a worker that has ended. */
const PIPES_MS = 500
const PATIENCE_MS = 5000

/**
 * Runs one worker in a process group of its own to its end. In any case, nothing of it remains: not the worker, not its
 * group, and no process with its tag in the environment. It also ends with this process.
 */
export async function runWorker(call: WorkerCall): Promise<WorkerEnd> {
  const began = performance.now()
  const before = oomKills()
  const tag = newTag()
  const child = spawn(call.command, [...call.args], {
    env: { ...call.env, [TAG]: tag },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const output = new WorkerOutput(call)
  const failed = await started(child)
  const seconds = () => (performance.now() - began) / 1000
  if (failed !== null || child.pid === undefined) {
    await output.close()
    return { ...NOT_RUN, tail: failed ?? 'no process', seconds: seconds() }
  }
  const { pid } = child
  const start = processStart(pid)
  const parent = watchParent(pid)
  output.read(child)
  let by: WorkerEnd['by'] = 'itself'
  const end = (why: WorkerEnd['by']) => {
    if (by !== 'itself') return
    by = why
    void endProcess(pid, start, PATIENCE_MS).catch(() => {})
  }
  const timer = setTimeout(() => end('timeout'), call.timeoutMs)
  const watch = watchActivity(pid, call.inactivityMs, output, () => end('hang'))
  const onStop = () => end('stop')
  if (call.stop?.aborted) onStop()
  call.stop?.addEventListener('abort', onStop)
  try {
    // `exit`, not `close`: processes that the worker left behind may hold its pipes open.
    const { code, signal } = await settledBy<Pick<WorkerEnd, 'code' | 'signal'>>(
      'the timers above, and --stop',
      (resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) {
          resolve({ code: child.exitCode, signal: child.signalCode })
        } else child.on('exit', (status, name) => resolve({ code: status, signal: name }))
      },
    )
    const left = groupTicks(pid).processes
    await endProcess(pid, start, PATIENCE_MS)
    const strays = left + (await endTagged(tag))
    await output.close(child)
    const oom = oomSince(before)
    return { code, signal, by, stdout: output.stdout, tail: output.tail, seconds: seconds(), oom, strays }
  } finally {
    clearTimeout(timer)
    clearInterval(watch)
    call.stop?.removeEventListener('abort', onStop)
    parent.release()
  }
}

const NOT_RUN = { code: null, signal: null, by: 'no_start', stdout: '', oom: null, strays: 0 } as const

/** Null once it runs, else why it does not. */
function started(child: ChildProcess): Promise<string | null> {
  return settledBy('the system, which starts it or does not', (resolve) => {
    child.once('spawn', () => resolve(null))
    child.once('error', (error) =>
      resolve(errorCode(error) === 'ENOENT' ? `${child.spawnfile}: no such program` : errorText(error)),
    )
  })
}

/** Silence alone does not mean that it hangs: a compiler may print nothing for minutes. */
function watchActivity(pid: number, inactivityMs: number | null, output: WorkerOutput, hang: () => void) {
  if (inactivityMs === null) return undefined
  const enough = Math.max(2, (inactivityMs / 1000) * 100 * SHARE_OF_A_CORE)
  let active = { ms: performance.now(), ticks: 0 }
  return setInterval(
    () => {
      const now = performance.now()
      const { ticks } = groupTicks(pid)
      if (output.lastMs > active.ms || ticks - active.ticks >= enough) active = { ms: now, ticks }
      else if (now - active.ms >= inactivityMs) hang()
    },
    Math.min(5000, inactivityMs / 8),
  )
}
const SHARE_OF_A_CORE = 0.01

/**
 * Handles everything a worker prints: the lines of Layerline's worker protocol are passed on, all output is kept up to
 * a size.
 */
class WorkerOutput {
  stdout = ''
  tail = ''
  lastMs = 0
  private readonly call: WorkerCall
  private readonly log: WriteStream | null
  private logged = 0
  private line = ''
  /** What came without an end of its line. */
  private rest = () => ''
  private closed: Promise<unknown> = Promise.resolve()

  constructor(call: WorkerCall) {
    this.call = call
    this.log = call.log === null ? null : createWriteStream(call.log, { mode: 0o600 })
    // A full disk costs the log, not the worker.
    this.log?.on('error', () => {})
  }

  read(child: ChildProcess): void {
    const [out, err] = [new LineRedactor(), new LineRedactor()]
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.take(out.push(text))
      this.stdout = lastOf(this.stdout + text, KEPT_STDOUT)
      this.lines(text)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.take(err.push(text)))
    this.rest = () => out.flush() + err.flush()
    this.closed = settledBy<void>('`close`, which waits for a moment', (resolve) =>
      child.once('close', () => resolve()),
    )
  }

  private take(text: string): void {
    this.lastMs = performance.now()
    this.tail = lastOf(this.tail + text, KEPT_TAIL)
    if (this.logged > MOST_LOG_BYTES) return
    this.logged += text.length
    this.log?.write(this.logged > MOST_LOG_BYTES ? '\n(the log ends here: it is too long)\n' : text)
  }

  private lines(text: string): void {
    const lines = (this.line + text).split('\n')
    this.line = (lines.pop() ?? '').slice(-MOST_LINE_CHARS)
    for (const line of lines) {
      const event = eventOf(line)
      if (event !== null) this.call.onEvent?.(event)
    }
  }

  /** The pipes of a process that has ended already hold all of its output; there is no need to wait for more. */
  async close(child?: ChildProcess): Promise<void> {
    if (child !== undefined) {
      await within(this.closed, PIPES_MS)
      child.stdout?.destroy()
      child.stderr?.destroy()
    }
    this.take(this.rest())
    this.lines('\n')
    await settledBy<void>('the disk', (resolve) => {
      if (this.log === null) resolve()
      else this.log.end(() => resolve()).once('error', () => resolve())
    })
  }
}

/** Truncated now and then, not each time: a worker may print for hours. */
function lastOf(text: string, kept: number): string {
  return text.length > 2 * kept ? text.slice(-kept) : text
}

/** A line of the worker protocol; null for other output, such as that of libraries. */
export function eventOf(line: string): WorkerEvent | null {
  if (!line.startsWith('{')) return null
  try {
    const value = JSON.parse(line) as Record<string, unknown>
    return typeof value.event === 'string' ? (value as WorkerEvent) : null
  } catch {
    return null
  }
}
