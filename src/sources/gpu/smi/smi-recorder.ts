import type { GapTrack } from '../../gap-track.ts'
import { type ClockFix, LocalStamps } from '../../host-clock.ts'
import type { SourceContext } from '../../source.ts'
import { RejectedValues } from '../../value-limits.ts'
import { GpuTracks } from '../gpu-tracks.ts'
import { windowOf } from './smi-fields.ts'
import type { Gpu, SmiInventory } from './smi-inventory.ts'
import { SmiLines } from './smi-lines.ts'

export interface SmiRecorderOptions {
  host: string
  inventory: SmiInventory
  periodMs: number
  /** For `tracks.attrs`: how the samples came here. */
  source: string
  /** How the zone and the host's time were found, for `clocks.method`. */
  method: string
  gaps: GapTrack
  /** A line that is no sample: what nvidia-smi says when something is wrong. */
  text(line: string): void
}

/** Samples of one host's GPUs on their way from nvidia-smi's text to rows of a run. */
export class SmiRecorder {
  /** The clock that `tracks.clock` and `clocks.clock` name. */
  readonly clockName: string
  private readonly context: SourceContext
  private readonly options: SmiRecorderOptions
  private readonly lines: SmiLines
  private readonly stamps: LocalStamps
  private readonly tracks = new Map<string, GpuTracks>()
  private readonly gpus: Map<string, Gpu>
  private readonly rejected: RejectedValues
  private fix: ClockFix | null = null
  private rows = 0

  constructor(context: SourceContext, options: SmiRecorderOptions) {
    const { fields } = options.inventory
    this.context = context
    this.options = options
    this.clockName = `${options.host} local time`
    this.stamps = new LocalStamps(context.clock)
    this.gpus = new Map(options.inventory.gpus.map((gpu) => [gpu.uuid, gpu]))
    this.rejected = new RejectedValues(context, {
      layer: 'gpu',
      host: options.host,
      source: options.source,
      clock: this.clockName,
    })
    this.lines = new SmiLines(fields.length, {
      row: (uuid, localMs, values) => this.row(uuid, localMs, values),
      text: options.text,
    })
    context.declareClock(this.clockName)
  }

  /** Samples taken so far. */
  get sampleCount(): number {
    return this.rows
  }

  /** The offset of the host's Unix clock from the run's, from now on. */
  setClock(fix: ClockFix): void {
    this.fix = fix
    this.writeClock()
  }

  /** GPUs that were found since: one that a host gets later has a name then. */
  learn(gpus: readonly Gpu[]): void {
    for (const gpu of gpus) this.gpus.set(gpu.uuid, gpu)
  }

  push(text: string): void {
    this.lines.push(text)
  }

  /** The sampler ended; another may follow. */
  reset(): void {
    this.lines.reset()
  }

  end(): void {
    for (const tracks of this.tracks.values()) tracks.declare()
  }

  private row(uuid: string, localMs: number, values: Float64Array): void {
    const { fix } = this
    if (fix === null) return
    if (this.stamps.see(localMs, fix.offsetNs)) this.writeClock()
    const tNs = this.stamps.runTime(localMs, fix.offsetNs)
    this.rows++
    this.tracksOf(uuid).add(tNs, values)
    this.options.gaps.sample(tNs)
  }

  private tracksOf(uuid: string): GpuTracks {
    const known = this.tracks.get(uuid)
    if (known !== undefined) return known
    const { inventory, host, source, periodMs } = this.options
    const gpu = this.gpus.get(uuid)
    const name = gpu?.name ?? ''
    const tracks = new GpuTracks(
      this.context,
      { host, device: `${gpu?.index ?? '?'} ${uuid} ${name}`.trim(), clock: this.clockName, rejected: this.rejected },
      inventory.fields.map((field) => ({
        name: field.track,
        unit: field.unit,
        scale: field.scale,
        attrs: {
          source,
          field: field.spelling,
          kind: 'gauge',
          ...windowOf(field.window, name),
          sample_period_ns: periodMs * 1e6,
          stamp_resolution_ns: 1e6,
          driver: inventory.driver,
          ...(inventory.mig.has(uuid) ? { mig: true } : {}),
        },
      })),
    )
    this.tracks.set(uuid, tracks)
    return tracks
  }

  private writeClock(): void {
    const { fix, stamps } = this
    if (fix === null || stamps.zoneNs === null) return
    this.context.writers.clocks.append({
      clock: this.clockName,
      t_ns: fix.tNs,
      offset_ns: fix.offsetNs + stamps.zoneNs,
      uncertainty_ns: fix.uncertaintyNs,
      rtt_ns: fix.rttNs,
      method: `${this.options.method}; zone to the quarter of an hour by the first line`,
    })
  }
}
