import { PassThrough, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, LayerlineError } from '../../../base/errors.ts'
import type { ClockFix } from '../../gpu/host-clock.ts'
import { remoteProvenance } from '../../gpu/ssh/remote-facts.ts'
import { ANSWERER_METHODS, quoted } from '../../gpu/ssh/remote-script.ts'
import { SshConnection } from '../../gpu/ssh/ssh-connection.ts'
import { sshName } from '../../gpu/ssh/ssh-errors.ts'
import { runOverSsh, type SshFolder } from '../../gpu/ssh/ssh-folder.ts'
import type { PreparedSource, SourceContext } from '../../source.ts'
import { LogLines } from './log-lines.ts'
import { RemoteClock } from './remote-clock.ts'

const CLOCK_MS = 30_000
/** What a log says before the run: who is still being answered, for as long as is likely. */
const LINES_BEFORE = 5_000
/** The end of a run's last step comes over the line. */
const LAST_STEP_MS = 1_000
const NOBODY = { output: () => undefined, samplerEnded: () => undefined }

/**
 * The log of the steps of an engine on another machine, over ssh, while it grows; its times through that machine's Unix clock,
 * which is measured over the same kind of connection. Throws `input/step-log` where there is none, and the errors of ssh.
 */
export async function prepareRemoteStepLog(folder: SshFolder): Promise<PreparedSource> {
  const { target, path } = folder
  const out = new PassThrough()
  const said = text(out)
  await runOverSsh(target, `cd ${quoted(path)} || exit 66\nls\n`, out)
  const files = (await said).split('\n').filter((name) => /^steps-\d+\.jsonl$/.test(name))
  const where = `ssh://${sshName(target)}${path}`
  if (files.length === 0) {
    throw new LayerlineError('input/step-log', `${where}: no steps-<pid>.jsonl in it`, {
      hint: 'start vLLM there with the package layerline-vllm installed and LAYERLINE_STEP_LOG set to this folder',
    })
  }
  return new RemoteStepLog(folder, files, where)
}

class RemoteStepLog implements PreparedSource {
  problem: string | null = null
  private readonly folder: SshFolder
  private readonly files: readonly string[]
  private readonly where: string
  private readonly ended = new AbortController()
  private connection: SshConnection | null = null
  private context: SourceContext | null = null
  private timer: NodeJS.Timeout | undefined
  private following: Promise<void>[] = []
  private stopping: Promise<void> | null = null

  constructor(folder: SshFolder, files: readonly string[], where: string) {
    this.folder = folder
    this.files = files
    this.where = where
  }

  async start(context: SourceContext): Promise<void> {
    this.context = context
    try {
      const { connection, facts } = await SshConnection.connect(this.folder.target)
      this.connection = connection
      await connection.run(null, NOBODY)
      const clock = new RemoteClock(`ssh://${sshName(this.folder.target)} unix`, context.clock.epochUnixNs)
      const method = `${ANSWERER_METHODS[facts.answerer] ?? facts.answerer} over ssh, fastest of a burst`
      const align = async () => {
        const fix = await connection.probeClock(context.clock)
        if (fix === null) return false
        clock.fix = fix
        this.writeFix(context, clock.name, fix, method)
        return true
      }
      if (!(await align())) throw new Error('it did not tell its time')
      context.declareClock(clock.name)
      context.declareHost(remoteProvenance(facts, null))
      this.timer = setInterval(() => void align(), CLOCK_MS)
      this.following = this.files.map((file) => this.follow(context, file, clock))
    } catch (error) {
      this.fail(error)
    }
  }

  stop(): Promise<void> {
    this.stopping ??= this.finish()
    return this.stopping
  }

  private async finish(): Promise<void> {
    clearInterval(this.timer)
    if (this.following.length > 0) await sleep(LAST_STEP_MS)
    this.ended.abort()
    await Promise.all(this.following)
    await this.connection?.close()
  }

  /** Until the run is over, or the connection is lost. */
  private async follow(context: SourceContext, file: string, clock: RemoteClock): Promise<void> {
    const lines = new LogLines(context, `${this.where}/${file}`, (head) => clock.of(head))
    const take = new Writable({
      write: (piece: Buffer, _, done) => {
        lines.push(piece.toString('latin1'))
        if (lines.problem !== null) this.fail(new Error(lines.problem))
        done()
      },
    })
    try {
      await runOverSsh(this.folder.target, followScript(this.folder.path, file), take, this.ended.signal)
      if (!this.ended.signal.aborted)
        throw new Error(`step log: ${this.where}: its connection ended; later steps are missing`)
    } catch (error) {
      if (!this.ended.signal.aborted) this.fail(error)
    }
  }

  private fail(error: unknown): void {
    if (this.problem !== null) return
    const said = errorText(error)
    this.problem = said.startsWith('step log:') ? said : `step log: ${said}`
    this.context?.note(this.problem)
  }

  private writeFix(context: SourceContext, clock: string, fix: ClockFix, method: string): void {
    const { tNs, offsetNs, uncertaintyNs, rttNs } = fix
    context.writers.clocks.append({
      ...{ clock, t_ns: tNs, offset_ns: offsetNs, uncertainty_ns: uncertaintyNs, rtt_ns: rttNs, method },
    })
  }
}

/** The head, the last lines, and what comes, until our end of the connection closes. */
function followScript(path: string, file: string): string {
  return `{ cd ${quoted(path)} || exit 66
head -n 1 ./${file}
tail -n ${LINES_BEFORE} -f ./${file} & tail=$!
trap 'kill "$tail" 2>/dev/null' EXIT
cat >/dev/null
exit 0
}
`
}
