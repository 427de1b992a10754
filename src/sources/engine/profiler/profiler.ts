import { errorText, LayerlineError } from '../../../base/errors.ts'
import { codeOf } from '../../../trace/columns.ts'
import { LAYERS } from '../../../trace/tables.ts'
import { askServer, rootPath } from '../../requests/ask-server.ts'
import type { Target } from '../../requests/target.ts'
import { type CapturedProfile, type PreparedSource, type SourceContext, sourceOff } from '../../source.ts'
import type { ProfileFolder } from './profile-folder.ts'
import type { ProfileWindow } from './profile-window.ts'

/** A server writes its traces before it answers: with call stacks, tens of seconds for a second of traffic. */
const STOP_LIMIT_MS = 30 * 60_000
const START_LIMIT_MS = 60_000

const HOW = `start vLLM with --profiler-config '{"profiler":"torch","torch_profiler_dir":"/a/folder"}'`

/** The clock that the server's machine stamps its traces with, measured when asked; offsets are less the run's epoch. */
export interface ProfileClock {
  readonly name: string
  measure(context: SourceContext): Promise<{ offsetNs: number; uncertaintyNs: number }>
}

/** This machine's own. */
const LOCAL_CLOCK: ProfileClock = { name: 'unix', measure: async (context) => context.unixOffset() }

export interface ProfilerOptions {
  readonly target: Target
  readonly window: ProfileWindow
  readonly folder: ProfileFolder
  readonly clock?: ProfileClock
}

/**
 * A server's own profiler (vLLM's `/start_profile`, `/stop_profile`) for a window of the run. If the server has none,
 * the profiler is off, with a sentence that says so. Throws if the folder of its traces cannot be read.
 */
export async function prepareProfiler(options: ProfilerOptions): Promise<PreparedSource> {
  const { target, folder } = options
  // A path that only takes POST answers something else than "not found".
  const { status, url } = await askServer(target, `${rootPath(target)}/start_profile`)
  if (status === 404) return sourceOff(`profile: off: ${url} is not there: the server runs without a profiler; ${HOW}`)
  await folder.list()
  return new Profiler(options)
}

class Profiler implements PreparedSource {
  problem: string | null = null
  captured: CapturedProfile | null = null
  private readonly options: ProfilerOptions
  private readonly clock: ProfileClock
  private context: SourceContext | null = null
  private timer: NodeJS.Timeout | undefined
  private startedNs = Number.NaN
  private before: Awaited<ReturnType<ProfileFolder['list']>> = new Map()
  private clocks: { offsetNs: number; uncertaintyNs: number }[] = []
  private phase: 'waiting' | 'running' | 'over' = 'waiting'
  private changing: Promise<void> = Promise.resolve()
  private stopping: Promise<void> | null = null
  private track = 0

  constructor(options: ProfilerOptions) {
    this.options = options
    this.clock = options.clock ?? LOCAL_CLOCK
  }

  async start(context: SourceContext): Promise<void> {
    this.context = context
    const { startS } = this.options.window
    if (startS === 0) await this.change(() => this.begin())
    else this.timer = setTimeout(() => void this.change(() => this.begin()), startS * 1000)
  }

  stop(): Promise<void> {
    this.stopping ??= this.finish()
    return this.stopping
  }

  /** One thing after another: a profiler that is being started is stopped when that is done. */
  private change(what: () => Promise<void>): Promise<void> {
    this.changing = this.changing.then(what).catch((error: unknown) => this.fail(error))
    return this.changing
  }

  private fail(error: unknown): void {
    const hint = error instanceof LayerlineError && error.hint !== undefined ? `; ${error.hint}` : ''
    this.problem = `profile: ${errorText(error)}${hint}`
    this.context?.note(this.problem)
  }

  private async begin(): Promise<void> {
    const { context, options } = this
    if (context === null || this.stopping !== null) return
    this.before = await options.folder.list()
    this.clocks.push(await this.clock.measure(context))
    this.startedNs = context.clock.now()
    this.phase = 'running'
    context.profiled(this.startedNs, null)
    try {
      await this.ask('start_profile', START_LIMIT_MS)
    } catch (error) {
      // Nothing runs: only the time of the attempt is marked.
      this.phase = 'over'
      context.profiled(this.startedNs, context.clock.now())
      throw error
    }
    this.slice('start_profile', this.startedNs)
    this.timer = setTimeout(() => void this.change(() => this.end()), options.window.durationS * 1000)
  }

  private async end(): Promise<void> {
    const { context } = this
    if (context === null || this.phase !== 'running') return
    this.phase = 'over'
    const fromNs = context.clock.now()
    try {
      await this.ask('stop_profile', STOP_LIMIT_MS)
    } finally {
      context.profiled(this.startedNs, context.clock.now())
      this.slice('stop_profile', fromNs)
    }
    this.clocks.push(await this.clock.measure(context))
  }

  private async finish(): Promise<void> {
    const { context, options, phase } = this
    clearTimeout(this.timer)
    if (context === null) return
    if (phase === 'waiting') await this.changing
    clearTimeout(this.timer)
    if (this.problem !== null) return
    if (this.phase === 'waiting') {
      this.problem = `profile: the run was over before its window began, after ${options.window.startS} s; name an earlier one: --profile-window 0+1`
      context.note(this.problem)
      return
    }
    if (this.phase === 'running') context.note('profile: waiting for the server to write it')
    await this.change(() => this.end())
    if (this.problem === null) await this.change(() => this.collect(context))
  }

  private async collect(context: SourceContext): Promise<void> {
    const { folder } = this.options
    const { files, discard } = await folder.fetch(this.before)
    if (files.length === 0) {
      discard()
      throw new LayerlineError('input/profile-dir', `the server wrote no trace into ${folder.name}`, {
        hint: "is it the folder that the server's torch_profiler_dir names? --profile-dir",
      })
    }
    const [first, last] = [this.clocks[0] ?? context.unixOffset(), this.clocks.at(-1) ?? context.unixOffset()]
    this.captured = {
      files,
      clock: {
        name: this.clock.name,
        offsetNs: (first.offsetNs + last.offsetNs) / 2,
        uncertaintyNs: Math.max(first.uncertaintyNs, last.uncertaintyNs) + Math.abs(last.offsetNs - first.offsetNs) / 2,
      },
      discard,
    }
  }

  private async ask(what: 'start_profile' | 'stop_profile', timeoutMs: number): Promise<void> {
    const { target } = this.options
    const { status, url, body } = await askServer(target, `${rootPath(target)}/${what}`, { method: 'POST', timeoutMs })
    if (status >= 200 && status < 300) return
    const hint = status === 404 ? HOW : "the server's log says why"
    throw new LayerlineError('input/profiler', `${url}: HTTP ${status} ${body.message()}`.trim(), { hint })
  }

  /** What the server was asked, until it answered. */
  private slice(name: string, fromNs: number): void {
    const { context } = this
    if (context === null) return
    if (this.track === 0) {
      this.track = context.trackId()
      context.writers.tracks.append({
        track_id: this.track,
        layer: codeOf(LAYERS, 'client'),
        name: 'profiler',
        unit: 'ns',
        clock: 'run',
        attrs: JSON.stringify({ source: this.options.folder.name }),
      })
    }
    context.writers.slices.append({
      slice_id: context.sliceId(),
      track_id: this.track,
      t_ns: fromNs,
      dur_ns: context.clock.now() - fromNs,
      name_id: context.nameId(name),
      category: 'profiler',
    })
  }
}
