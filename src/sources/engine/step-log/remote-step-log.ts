import { PassThrough, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { within } from '../../../base/bounded-wait.ts'
import { errorText, LayerlineError } from '../../../base/errors.ts'
import { Backoff } from '../../backoff.ts'
import type { PreparedSource, SourceContext } from '../../source.ts'
import { remoteProvenance } from '../../ssh/remote-facts.ts'
import { ANSWERER_METHODS, quoted } from '../../ssh/remote-script.ts'
import { type RemoteFacts, SshConnection } from '../../ssh/ssh-connection.ts'
import { mayPass, sshName } from '../../ssh/ssh-errors.ts'
import { runOverSsh, type SshFolder } from '../../ssh/ssh-folder.ts'
import { LogLines } from './log-lines.ts'
import { RemoteClock } from './remote-clock.ts'

const CLOCK_MS = 30_000
/** How far before the run a log is read: requests from then may still be in progress. */
const LINES_BEFORE = 5_000
/** How long to wait for the end of a run's last step, which arrives over the network. */
const LAST_STEP_MS = 1_000
/** An ssh that does not end within this is left until the process ends. */
const STOP_MS = 8_000
const NOBODY = { output: () => undefined, samplerEnded: () => undefined }

/**
 * The log of the steps of an engine on another machine, over ssh, while it grows. Its times are converted by that
 * machine's Unix clock, which is measured over the same kind of connection. A lost connection is made again, and
 * reading resumes at the same place. Throws `input/step-log` if the log does not exist, and the errors of ssh.
 */
export async function prepareRemoteStepLog(folder: SshFolder): Promise<PreparedSource> {
  const { target, path } = folder
  const out = new PassThrough()
  const said = text(out)
  await runOverSsh(target, listScript(path), out)
  const logs = [...(await said).matchAll(/^ *(\d+) (steps-\d+\.jsonl)$/gm)].map(([, lines, name = '']) => ({
    name,
    from: Math.max(2, Number(lines) - LINES_BEFORE),
  }))
  const where = `ssh://${sshName(target)}${path}`
  if (logs.length === 0) {
    throw new LayerlineError('input/step-log', `${where}: no steps-<pid>.jsonl in it`, {
      hint: 'start vLLM there with the package layerline-vllm installed and LAYERLINE_STEP_LOG set to this folder',
    })
  }
  return new RemoteStepLog(folder, logs, where)
}

/** A log, and the line behind its head from which on it is read. */
interface RemoteLog {
  readonly name: string
  readonly from: number
}

class RemoteStepLog implements PreparedSource {
  private readonly folder: SshFolder
  private readonly logs: readonly RemoteLog[]
  private readonly where: string
  private readonly backoff = new Backoff()
  private lines: LogLines[] = []
  private attempt = new AbortController()
  private running: Promise<void> = Promise.resolve()
  private connected = false
  private outage: string | null = null
  private told = false
  private stopped = false
  private stopping: Promise<void> | null = null

  constructor(folder: SshFolder, logs: readonly RemoteLog[], where: string) {
    this.folder = folder
    this.logs = logs
    this.where = where
  }

  get problem(): string | null {
    return this.outage ?? this.lines.find(({ problem }) => problem !== null)?.problem ?? null
  }

  async start(context: SourceContext): Promise<void> {
    const clock = new RemoteClock(`ssh://${sshName(this.folder.target)} unix`, context.clock.epochUnixNs)
    this.lines = this.logs.map(({ name }) => new LogLines(context, `${this.where}/${name}`, (head) => clock.of(head)))
    context.declareClock(clock.name)
    await new Promise<void>((begun) => {
      this.running = this.follow(context, clock, begun).finally(begun)
    })
  }

  stop(): Promise<void> {
    this.stopping ??= this.finish()
    return this.stopping
  }

  private async finish(): Promise<void> {
    if (this.connected) await sleep(LAST_STEP_MS)
    this.stopped = true
    this.backoff.cancel()
    this.attempt.abort()
    await within(this.running, STOP_MS)
  }

  /** One connection's life: the clock and the logs, until it ends; then another attempt is due. */
  private async follow(context: SourceContext, clock: RemoteClock, begun: () => void): Promise<void> {
    const startedMs = performance.now()
    const attempt = new AbortController()
    this.attempt = attempt
    const aborted = new Promise<void>((resolve) => attempt.signal.addEventListener('abort', () => resolve()))
    let connection: SshConnection | null = null
    let timer: NodeJS.Timeout | undefined
    let following: Promise<void>[] = []
    let reason: unknown = null
    try {
      const made = await SshConnection.connect(this.folder.target, null, attempt.signal)
      connection = made.connection
      await connection.run(null, NOBODY)
      await this.align(context, clock, made)
      timer = setInterval(() => void this.align(context, clock, made).catch(() => undefined), CLOCK_MS)
      following = this.logs.map((_, i) => this.followLog(context, i, attempt.signal))
      this.connected = true
      this.outage = null
      begun()
      const ended = connection.ended.then((error) => Promise.reject(error))
      await Promise.race([aborted, ended, ...following])
    } catch (error) {
      reason = error
    }
    clearInterval(timer)
    this.connected = false
    attempt.abort()
    await Promise.allSettled(following)
    await connection?.close()
    if (!this.stopped) this.lost(context, clock, reason, performance.now() - startedMs)
  }

  /** Rejects when its connection ends by itself. */
  private async followLog(context: SourceContext, index: number, signal: AbortSignal): Promise<void> {
    const lines = this.lines[index] as LogLines
    const { name, from } = this.logs[index] as RemoteLog
    // Of those that came, the first was the head.
    const next = lines.count === 0 ? from : from + lines.count - 1
    const take = new Writable({
      write: (piece: Buffer, _, done) => {
        lines.push(piece.toString('latin1'))
        if (lines.problem !== null && !this.told) {
          this.told = true
          context.note(lines.problem)
        }
        done()
      },
    })
    try {
      await runOverSsh(this.folder.target, followScript(this.folder.path, name, next, lines.count === 0), take, signal)
    } finally {
      lines.cut()
    }
    if (!signal.aborted) throw new LayerlineError('unreachable/ssh', `${this.where}: its connection ended`)
  }

  private lost(context: SourceContext, clock: RemoteClock, error: unknown, ranMs: number): void {
    const said = `step log: ${errorText(error)}`
    this.outage = `${said}; later steps are missing`
    if (!(error instanceof LayerlineError) || !mayPass(error)) {
      context.note(`${this.outage}; not tried again`)
      return
    }
    const waitMs = this.backoff.next(ranMs, () => {
      if (!this.stopped) this.running = this.follow(context, clock, () => undefined)
    })
    context.note(`${said}; connecting again in ${waitMs / 1000} s`)
  }

  private async align(
    context: SourceContext,
    clock: RemoteClock,
    { connection, facts }: { connection: SshConnection; facts: RemoteFacts },
  ): Promise<void> {
    const fix = await connection.probeClock(context.clock)
    if (fix === null) throw new LayerlineError('unreachable/ssh-silent', `${this.where}: it did not tell its time`)
    if (clock.fix === null) context.declareHost(remoteProvenance(facts, null))
    clock.fix = fix
    const { tNs, offsetNs, uncertaintyNs, rttNs } = fix
    const method = `${ANSWERER_METHODS[facts.answerer] ?? facts.answerer} over ssh, fastest of a burst`
    context.writers.clocks.append({
      ...{ clock: clock.name, t_ns: tNs, offset_ns: offsetNs, uncertainty_ns: uncertaintyNs, rtt_ns: rttNs, method },
    })
  }
}

function listScript(path: string): string {
  return `cd ${quoted(path)} || exit 66
for log in steps-*.jsonl; do
[ -e "$log" ] && wc -l "$log"
done
exit 0
`
}

/** The log from a line on, its head before that if asked for, and what comes, until our end of the connection closes. */
function followScript(path: string, file: string, from: number, head: boolean): string {
  return `{ cd ${quoted(path)} || exit 66
${head ? `head -n 1 ./${file}` : ':'}
tail -n +${from} -f ./${file} & tail=$!
trap 'kill "$tail" 2>/dev/null' EXIT
cat >/dev/null
exit 0
}
`
}
