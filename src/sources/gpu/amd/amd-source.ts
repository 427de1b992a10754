import type { ChildProcess } from 'node:child_process'
import { hostname } from 'node:os'
import { childEnd, endChild, LATE } from '../../../base/bounded-wait.ts'
import { spawnGroup } from '../../../base/tool.ts'
import { Backoff } from '../../backoff.ts'
import { GapTrack } from '../../gap-track.ts'
import { hostProvenance } from '../../host/provenance.ts'
import type { PreparedSource, SourceContext } from '../../source.ts'
import { RejectedValues } from '../../value-limits.ts'
import type { GpuSourceOptions } from '../gpu-options.ts'
import { GpuTracks } from '../gpu-tracks.ts'
import { AMD_FIELDS, type AmdField, type AmdRecord, amdValue } from './amd-fields.ts'
import { AmdCsv, recordsOfJson } from './amd-output.ts'
import { AMD_TOOLS, type AmdGpu, type AmdInventory, askAmd, TOOL_ENVIRONMENT } from './amd-tools.ts'

/** amd-smi watches in whole seconds, and a call of rocm-smi takes a good part of one. */
const LEAST_PERIOD_MS = 1_000
/** A call that gives one answer takes no longer. */
const ANSWER_MS = 30_000
const FIRST_SAMPLE_MS = 5_000
const STOP_MS = 2_000
const MOST_ANSWER = 4 << 20
const MOST_WORDS = 200

/** Samples this machine's AMD GPUs by amd-smi, else rocm-smi; throws `missing/…` where neither knows a GPU. */
export async function prepareAmd(options: GpuSourceOptions): Promise<PreparedSource> {
  return new AmdSource(await askAmd(options.gpus), options)
}

class AmdSource implements PreparedSource {
  problem: string | null = null
  private readonly inventory: AmdInventory
  private readonly periodMs: number
  private readonly backoff = new Backoff()
  private readonly tracks = new Map<number, { tracks: GpuTracks; fields: readonly AmdField[] } | null>()
  private readonly csv: AmdCsv
  private context: SourceContext | null = null
  private rejected: RejectedValues | null = null
  private gaps: GapTrack | null = null
  private child: ChildProcess | null = null
  private again: NodeJS.Timeout | undefined
  private answer = ''
  private lastWords = ''
  private samples = 0
  private stopped = false

  constructor(inventory: AmdInventory, options: GpuSourceOptions) {
    this.inventory = inventory
    this.periodMs = Math.max(LEAST_PERIOD_MS, Math.ceil(options.periodMs / 1000) * 1000)
    this.csv = new AmdCsv(
      (record) => this.take(record),
      (line) => {
        this.lastWords = line
      },
    )
  }

  async start(context: SourceContext): Promise<void> {
    const { tool, driver } = this.inventory
    const host = hostname()
    this.context = context
    this.gaps = new GapTrack(context, { layer: 'gpu', host, source: tool, longestPauseNs: 5 * this.periodMs * 1e6 })
    this.rejected = new RejectedValues(context, { layer: 'gpu', host, source: tool, clock: 'run' })
    context.declareHost({ ...hostProvenance(), ...(driver === null ? {} : { driver }) })
    this.spawn()
    const giveUp = performance.now() + FIRST_SAMPLE_MS
    while (this.samples === 0 && !this.stopped && performance.now() < giveUp) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (this.samples === 0) {
      const words = this.lastWords === '' ? '' : `; ${tool} printed: ${this.lastWords.slice(0, MOST_WORDS)}`
      context.note(`gpu: no sample in ${FIRST_SAMPLE_MS / 1000} s${words}`)
    }
  }

  async stop(): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    this.backoff.cancel()
    clearTimeout(this.again)
    if (this.child !== null) await endChild(this.child, { patienceMs: STOP_MS, group: true })
    this.gaps?.end()
    for (const known of this.tracks.values()) known?.tracks.declare()
  }

  private spawn(): void {
    const { command, samples, goesOn } = AMD_TOOLS[this.inventory.tool]
    const startedMs = performance.now()
    const env = { ...process.env, ...TOOL_ENVIRONMENT }
    const child = spawnGroup(command, samples(this.periodMs / 1000), { stdio: ['ignore', 'pipe', 'pipe'], env })
    this.child = child
    this.answer = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (goesOn) this.csv.push(text)
      else this.answer = (this.answer + text).slice(-MOST_ANSWER)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = text.trim().split('\n').at(-1) ?? ''
    })
    void this.ended(child, startedMs, goesOn)
  }

  private async ended(child: ChildProcess, startedMs: number, goesOn: boolean): Promise<void> {
    const end = await childEnd(child, goesOn ? { endedBy: '`stop`, or itself' } : ANSWER_MS)
    if (end === LATE) await endChild(child, { patienceMs: STOP_MS, group: true })
    if (this.stopped) return
    this.child = null
    const records = goesOn ? null : recordsOfJson(this.answer)
    if (goesOn) this.csv.reset()
    const ranMs = performance.now() - startedMs
    if (records !== null) {
      for (const record of records) this.take(record)
      this.again = setTimeout(() => this.spawn(), Math.max(0, this.periodMs - ranMs))
      return
    }
    const { tool } = this.inventory
    const words = end !== LATE && end.error !== null ? end.error.message : this.lastWords
    const reason = `${tool} ${end === LATE ? 'did not answer' : 'ended'}${words === '' ? '' : `: ${words.slice(0, MOST_WORDS)}`}`
    this.gaps?.outage(reason)
    const waitMs = this.backoff.next(ranMs, () => {
      if (!this.stopped) this.spawn()
    })
    this.context?.note(`gpu: ${reason}; trying again in ${waitMs / 1000} s`)
  }

  /** The tools' own stamps are whole seconds: a sample gets the time at which it arrived. */
  private take(record: AmdRecord): void {
    const { context } = this
    if (context === null || this.stopped) return
    const known = this.tracksOf(record)
    if (known === null) return
    const tNs = context.clock.now()
    known.tracks.add(
      tNs,
      known.fields.map((field) => amdValue(field, record)),
    )
    this.samples++
    this.gaps?.sample(tNs)
  }

  /** The fields that a GPU shows in its first sample; null for one that was not asked for. */
  private tracksOf(record: AmdRecord): { tracks: GpuTracks; fields: readonly AmdField[] } | null {
    const before = this.tracks.get(record.gpu)
    if (before !== undefined) return before
    const gpu = this.inventory.gpus.find(({ index }) => index === record.gpu)
    const made = gpu === undefined ? null : this.tracksFor(gpu, record)
    this.tracks.set(record.gpu, made)
    return made
  }

  private tracksFor(gpu: AmdGpu, record: AmdRecord): { tracks: GpuTracks; fields: readonly AmdField[] } {
    const { tool, driver } = this.inventory
    const fields = AMD_FIELDS.filter(({ spellings }) => spellings.some((name) => record.values.has(name)))
    const specs = fields.map(({ track, unit, spellings, kind = 'gauge' }) => ({
      name: track,
      unit,
      scale: 1,
      attrs: {
        source: tool,
        field: spellings.find((name) => record.values.has(name)),
        kind,
        // The tools do not say what time a value covers.
        window_ns: null,
        sample_period_ns: this.periodMs * 1e6,
        driver,
      },
    }))
    const device = `${gpu.index} ${gpu.uuid} ${gpu.name}`
    const { context, rejected } = this
    const tracks = new GpuTracks(
      context as SourceContext,
      { host: hostname(), device, clock: 'run', rejected: rejected as RejectedValues },
      specs,
    )
    return { tracks, fields }
  }
}
