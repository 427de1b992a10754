import type { ChildProcess } from 'node:child_process'
import { hostname } from 'node:os'
import { childEnd, endChild, within } from '../../../base/bounded-wait.ts'
import { LayerlineError } from '../../../base/errors.ts'
import { interruption } from '../../../base/interruption.ts'
import { runTool, spawnGroup } from '../../../base/tool.ts'
import { CERTIFY_GAP } from '../../../trace/certify.ts'
import { Backoff } from '../../backoff.ts'
import { BatchedPipe } from '../../batched-pipe.ts'
import { GapTrack } from '../../gap-track.ts'
import { hostProvenance } from '../../host/provenance.ts'
import type { PreparedSource, SourceContext, Toggle } from '../../source.ts'
import type { GpuSourceOptions } from '../gpu-options.ts'
import { smiError } from './smi-errors.ts'
import { samplerArguments } from './smi-fields.ts'
import { INVENTORY_QUERY, readInventory, type SmiInventory } from './smi-inventory.ts'
import { SmiRecorder } from './smi-recorder.ts'

const SMI = 'nvidia-smi'
/** Without persistence mode, the driver takes seconds to wake up. */
const ASK_TIMEOUT_MS = 30_000
const CLOCK_MS = 30_000
const FIRST_SAMPLE_MS = 3_000
const STOP_MS = 2_000
/** What is being asked is called off, and ended by force after a moment. */
const ASKED_MS = 5_000
const MOST_WORDS = 200

/** What this machine's nvidia-smi knows. Throws `missing/gpu…`. */
export async function askLocalSmi(selection: readonly string[], signal?: AbortSignal): Promise<SmiInventory> {
  const [gpus, list, help] = await Promise.all([
    ask(INVENTORY_QUERY, signal),
    ask(['-L'], signal),
    ask(['--help-query-gpu'], signal),
  ])
  return readInventory({ gpus, list, help }, selection, 'this machine')
}

/** Its output, whatever its exit status: that is 14 for a corrupted infoROM beside a complete answer. */
async function ask(args: readonly string[], signal: AbortSignal = interruption.signal): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C' }
  const { how, code, stdout, stderr } = await runTool(SMI, args, { limit: ASK_TIMEOUT_MS, signal, env })
  if (how === 'absent') {
    throw new LayerlineError('missing/nvidia-smi', 'no nvidia-smi on this machine', {
      hint: 'GPUs elsewhere: --gpu ssh://user@host or --gpu dcgm:URL',
    })
  }
  if (how === 'late') throw new LayerlineError('missing/gpu', `nvidia-smi did not answer in ${ASK_TIMEOUT_MS / 1000} s`)
  if (code !== null) return stderr === '' ? stdout : `${stdout}\n${stderr}`
  // When it fails, its message is on standard output.
  throw smiError(`${stdout}${stderr}`, 'this machine')
}

async function answersFor(uuid: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await ask(['-i', uuid, '--query-gpu=uuid', '--format=csv,noheader'], signal)).includes(uuid)
  } catch {
    return false
  }
}

/** Samples this machine's GPUs; asks first, so that a machine without them throws `missing/…` before a run begins. */
export async function prepareLocalSmi(options: GpuSourceOptions): Promise<PreparedSource> {
  const inventory = await askLocalSmi(options.gpus)
  return new LocalSmi(inventory, options, BatchedPipe.open())
}

class LocalSmi implements PreparedSource {
  problem: string | null = null
  private readonly inventory: SmiInventory
  private readonly options: GpuSourceOptions
  private readonly pipe: BatchedPipe
  private readonly backoff = new Backoff()
  private context: SourceContext | null = null
  private recorder: SmiRecorder | null = null
  private gaps: GapTrack | null = null
  private child: ChildProcess | null = null
  private clockTimer: NodeJS.Timeout | undefined
  private lastWords = ''
  private readonly asking = new AbortController()
  private respawning: Promise<void> = Promise.resolve()
  /** UUIDs to sample; empty for all. */
  private sampled: string[]
  private stopped = false
  private paused = false

  constructor(inventory: SmiInventory, options: GpuSourceOptions, pipe: BatchedPipe) {
    this.inventory = inventory
    this.options = options
    this.pipe = pipe
    this.sampled = options.gpus.length === 0 ? [] : inventory.gpus.map(({ uuid }) => uuid)
  }

  async start(context: SourceContext): Promise<void> {
    const { periodMs } = this.options
    const host = hostname()
    this.context = context
    const longestPauseNs = Math.max(1e9, 10 * periodMs * 1e6)
    this.gaps = new GapTrack(context, { layer: 'gpu', host, source: SMI, longestPauseNs })
    this.recorder = new SmiRecorder(context, {
      host,
      inventory: this.inventory,
      periodMs,
      source: SMI,
      method: "this machine's Unix clock",
      gaps: this.gaps,
      text: (line) => {
        this.lastWords = line
      },
    })
    for (const warning of this.inventory.warnings) context.note(`gpu: nvidia-smi reports: ${warning}`)
    context.declareHost({ ...hostProvenance(), driver: this.inventory.driver })
    this.pipe.onText((text) => this.recorder?.push(text))
    this.setClock()
    this.clockTimer = setInterval(() => this.setClock(), CLOCK_MS)
    this.clockTimer.unref()
    this.spawn()
    const giveUp = performance.now() + FIRST_SAMPLE_MS
    while (this.recorder.sampleCount === 0 && performance.now() < giveUp) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (this.recorder.sampleCount === 0) {
      const words = this.lastWords === '' ? '' : `; nvidia-smi printed: ${this.lastWords.slice(0, MOST_WORDS)}`
      context.note(`gpu: no sample in ${FIRST_SAMPLE_MS / 1000} s${words}`)
    }
  }

  /** nvidia-smi is stopped, not ended: starting it again would wake the driver each time. */
  readonly toggle: Toggle = {
    name: 'gpu',
    off: 'paused',
    pause: async () => {
      this.paused = true
      this.child?.kill('SIGSTOP')
      this.gaps?.pause(CERTIFY_GAP)
    },
    resume: async () => {
      this.paused = false
      this.pipe.drain()
      this.gaps?.resume()
      this.child?.kill('SIGCONT')
    },
  }

  async stop(): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    clearInterval(this.clockTimer)
    this.backoff.cancel()
    this.asking.abort()
    await within(this.respawning, ASKED_MS)
    if (this.child !== null) await endChild(this.child, { patienceMs: STOP_MS, group: true })
    this.pipe.close()
    this.gaps?.end()
    this.recorder?.end()
  }

  private spawn(): void {
    const { inventory, recorder, sampled: gpus } = this
    const startedMs = performance.now()
    const args = samplerArguments(inventory.fields, { periodMs: this.options.periodMs, gpus })
    // It writes in few and whole lines, its errors among them.
    const { writeFd } = this.pipe
    const env = { ...process.env, LC_ALL: 'C' }
    const child = spawnGroup(SMI, args, { stdio: ['ignore', writeFd, writeFd], env })
    this.child = child
    if (this.paused) child.kill('SIGSTOP')
    child.on('error', (error) => {
      this.lastWords = error.message
    })
    void childEnd(child, { endedBy: '`stop`, or itself' }).then(() => {
      this.child = null
      if (this.stopped) return
      this.pipe.drain()
      recorder?.reset()
      this.restart(performance.now() - startedMs)
    })
  }

  private restart(ranMs: number): void {
    if (this.stopped) return
    const reason = smiError(this.lastWords, 'this machine').message
    this.gaps?.outage(reason)
    const waitMs = this.backoff.next(ranMs, () => {
      this.respawning = this.respawn()
    })
    this.context?.note(`gpu: ${reason}; trying again in ${waitMs / 1000} s`)
  }

  /** GPUs may have come or gone since: one that fell off the bus ends the sampling of all. */
  private async respawn(): Promise<void> {
    const { options, inventory, asking, recorder } = this
    try {
      const { gpus } = await askLocalSmi([], asking.signal)
      recorder?.learn(gpus)
      const found = new Set(gpus.map(({ uuid }) => uuid))
      const left = inventory.gpus.filter(({ uuid }) => found.has(uuid)).map(({ uuid }) => uuid)
      const all = options.gpus.length === 0 && left.length === inventory.gpus.length
      this.sampled = all || left.length === 0 ? [] : left
    } catch {
      const answers = await Promise.all(inventory.gpus.map(({ uuid }) => answersFor(uuid, asking.signal)))
      const alive = inventory.gpus.filter((_, i) => answers[i]).map(({ uuid }) => uuid)
      if (alive.length > 0) this.sampled = alive
    }
    if (!this.stopped) this.spawn()
  }

  private setClock(): void {
    const { context } = this
    if (context === null) return
    const { offsetNs, uncertaintyNs } = context.unixOffset()
    this.recorder?.setClock({ tNs: context.clock.now(), offsetNs, uncertaintyNs, rttNs: null })
  }
}
