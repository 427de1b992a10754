import { abortForMany, within } from '../../../base/bounded-wait.ts'
import { LayerlineError } from '../../../base/errors.ts'
import { interruption } from '../../../base/interruption.ts'
import { Backoff } from '../../backoff.ts'
import { GapTrack } from '../../gap-track.ts'
import { RemoteHost } from '../../host/remote-host.ts'
import { type ClockFix, sinceEpoch } from '../../host-clock.ts'
import type { PreparedSource, SourceContext } from '../../source.ts'
import { leastNumber, remoteProvenance, remoteRapl } from '../../ssh/remote-facts.ts'
import { ANSWERER_METHODS } from '../../ssh/remote-script.ts'
import { type RemoteFacts, SshConnection } from '../../ssh/ssh-connection.ts'
import { mayPass, sshName } from '../../ssh/ssh-errors.ts'
import type { SshTarget } from '../../ssh/ssh-target.ts'
import type { GpuSourceOptions } from '../gpu-options.ts'
import { smiError } from './smi-errors.ts'
import { samplerArguments } from './smi-fields.ts'
import { readInventory, type SmiInventory } from './smi-inventory.ts'
import { SmiRecorder } from './smi-recorder.ts'

const CLOCK_MS = 30_000
const FIRST_SAMPLE_MS = 5_000
const WORDS_MS = 300
/** Of a connection that is being closed, beyond what ssh itself is given. */
const STOP_MS = 5_000
/** Reading /proc more often than this mostly measures the reading itself. */
const LEAST_HOST_PERIOD_MS = 50

/**
 * Connects to a GPU host and asks what is available, before a run starts: throws `unreachable/ssh…`, `input/ssh…` or
 * `missing/…` with what to do.
 */
export async function prepareSshSmi(target: SshTarget, options: GpuSourceOptions): Promise<PreparedSource> {
  const { connection, facts } = await SshConnection.connect(target, options.serverPort ?? null, interruption.signal)
  try {
    return new SshSmi(target, options, readRemote(facts, target, options.gpus), facts, connection)
  } catch (error) {
    await connection.close()
    throw error
  }
}

function readRemote(facts: RemoteFacts, target: SshTarget, selection: readonly string[]): SmiInventory {
  const where = `ssh://${sshName(target)}`
  const { gpus, list = '', help = '' } = facts.parts
  if (gpus === undefined) {
    throw new LayerlineError('missing/nvidia-smi', `${where}: no nvidia-smi on that host`, {
      hint: 'is it the GPU host, or a login node in front of it? a job on a cluster runs elsewhere',
    })
  }
  return readInventory({ gpus, list, help }, selection, where)
}

class SshSmi implements PreparedSource {
  problem: string | null = null
  private readonly target: SshTarget
  private readonly options: GpuSourceOptions
  private readonly inventory: SmiInventory
  private readonly facts: RemoteFacts
  private readonly backoff = new Backoff()
  private connection: SshConnection | null
  private context: SourceContext | null = null
  private recorder: SmiRecorder | null = null
  private gaps: GapTrack | null = null
  private host: RemoteHost | null = null
  private fix: ClockFix | null = null
  private lastWords = ''
  private running: Promise<void> = Promise.resolve()
  private timers: NodeJS.Timeout[] = []
  private stopped = false
  /** Calls off what is being connected. */
  private readonly stopping = abortForMany()

  constructor(
    target: SshTarget,
    options: GpuSourceOptions,
    inventory: SmiInventory,
    facts: RemoteFacts,
    connection: SshConnection,
  ) {
    this.target = target
    this.options = options
    this.inventory = inventory
    this.facts = facts
    this.connection = connection
  }

  async start(context: SourceContext): Promise<void> {
    const host = this.facts.said.host ?? this.target.host
    const { periodMs } = this.options
    const where = `ssh://${sshName(this.target)}`
    const longestPauseNs = Math.max(1e9, 10 * periodMs * 1e6)
    this.context = context
    this.gaps = new GapTrack(context, { layer: 'gpu', host, source: where, longestPauseNs })
    this.recorder = new SmiRecorder(context, {
      host,
      inventory: this.inventory,
      periodMs,
      source: `nvidia-smi over ${where}`,
      method: this.method,
      gaps: this.gaps,
      text: (line) => {
        this.lastWords = line
      },
    })
    context.declareClock(this.unixName)
    for (const warning of this.inventory.warnings) context.note(`gpu: nvidia-smi reports: ${warning}`)
    context.declareHost(remoteProvenance(this.facts, this.inventory.driver))
    this.host = new RemoteHost(context, {
      host,
      clock: this.unixName,
      rapl: remoteRapl(this.facts.parts.rapl ?? ''),
      enginePid: leastNumber(this.facts.parts.engine ?? ''),
    })
    const { connection } = this
    if (connection !== null) this.running = this.serve(connection)
    const giveUp = performance.now() + FIRST_SAMPLE_MS
    while (this.recorder.sampleCount === 0 && !this.stopped && performance.now() < giveUp) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (this.recorder.sampleCount === 0) context.note(`gpu: no sample came from ${where} yet`)
  }

  async stop(): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    this.stopping.abort()
    this.backoff.cancel()
    this.clearTimers()
    await this.connection?.close()
    await within(this.running, STOP_MS)
    this.gaps?.end()
    this.recorder?.end()
  }

  private get unixName(): string {
    return `${this.facts.said.host ?? this.target.host} unix`
  }

  private get method(): string {
    const { answerer } = this.facts
    return `${ANSWERER_METHODS[answerer] ?? answerer} over ssh, fastest of a burst`
  }

  /** One connection's life: the clock, the sampler, the host's /proc, until it ends; then another attempt is due. */
  private async serve(connection: SshConnection): Promise<void> {
    const { recorder, inventory } = this
    const startedMs = performance.now()
    this.connection = connection
    const gpus = this.options.gpus.length === 0 ? [] : inventory.gpus.map(({ uuid }) => uuid)
    const sampler = samplerArguments(inventory.fields, { periodMs: this.options.periodMs, gpus })
    try {
      // Lines wait in the recorder's way until the clock is known, so they are not taken before.
      let early: string[] | null = []
      await connection.run(sampler, {
        output: (text) => {
          if (early === null) recorder?.push(text)
          else early.push(text)
        },
        samplerEnded: (_, waitS) => void this.samplerEnded(waitS),
      })
      await this.alignClock(connection)
      const waiting: string[] = early
      early = null
      for (const text of waiting) recorder?.push(text)
      this.every(CLOCK_MS, () => this.alignClock(connection))
      this.every(Math.max(LEAST_HOST_PERIOD_MS, this.options.periodMs), () => this.sampleHost(connection))
    } catch {
      // The end of the connection, below, reports the reason.
      await connection.close()
    }
    const error = await connection.ended
    this.connection = null
    this.clearTimers()
    recorder?.reset()
    if (!this.stopped) this.lost(error, performance.now() - startedMs)
  }

  private lost(error: LayerlineError, ranMs: number): void {
    this.gaps?.outage(error.message)
    if (!mayPass(error)) {
      this.problem = `gpu: ${error.message}; not tried again`
      this.context?.note(this.problem)
      return
    }
    const waitMs = this.backoff.next(ranMs, () => {
      this.running = this.reconnect()
    })
    this.context?.note(`gpu: ${error.message}; connecting again in ${waitMs / 1000} s`)
  }

  private async reconnect(): Promise<void> {
    const { context } = this
    if (context === null || this.stopped) return
    try {
      const { connection, facts } = await SshConnection.connect(this.target, null, this.stopping.signal)
      this.learn(facts)
      if (this.stopped) await connection.close()
      else await this.serve(connection)
    } catch (error) {
      if (!this.stopped && error instanceof LayerlineError) this.lost(error, 0)
    }
  }

  private learn(facts: RemoteFacts): void {
    try {
      this.recorder?.learn(readRemote(facts, this.target, []).gpus)
    } catch {
      // Its nvidia-smi fails now: the sampler's end tells of it.
    }
  }

  private async samplerEnded(waitS: number): Promise<void> {
    // Its last words come through the other channel.
    await new Promise((resolve) => setTimeout(resolve, WORDS_MS))
    if (this.stopped) return
    this.recorder?.reset()
    const reason = smiError(this.lastWords, `ssh://${sshName(this.target)}`).message
    this.gaps?.outage(reason)
    this.context?.note(`gpu: ${reason}; trying again in ${waitS} s`)
  }

  private async alignClock(connection: SshConnection): Promise<void> {
    const { context, recorder } = this
    if (context === null) return
    const fix = await connection.probeClock(context.clock)
    if (fix === null) return
    this.fix = fix
    recorder?.setClock(fix)
    context.writers.clocks.append({
      clock: this.unixName,
      t_ns: fix.tNs,
      offset_ns: fix.offsetNs,
      uncertainty_ns: fix.uncertaintyNs,
      rtt_ns: fix.rttNs,
      method: this.method,
    })
  }

  private async sampleHost(connection: SshConnection): Promise<void> {
    const { host, fix, context } = this
    if (host === null || fix === null || context === null) return
    const files = await connection.readFiles(host.paths)
    if (files === null || Number.isNaN(files.unixUs)) return
    host.sample(sinceEpoch(context.clock, files.unixUs) - fix.offsetNs, files.texts)
  }

  /** Calls on a grid; a call that still runs when the next is due takes its turn. */
  private every(periodMs: number, call: () => Promise<void>): void {
    let busy = false
    const timer = setInterval(() => {
      if (busy) return
      busy = true
      void call().finally(() => {
        busy = false
      })
    }, periodMs)
    timer.unref()
    this.timers.push(timer)
  }

  private clearTimers(): void {
    for (const timer of this.timers) clearInterval(timer)
    this.timers = []
  }
}
