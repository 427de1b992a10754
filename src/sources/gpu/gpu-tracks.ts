import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import type { SourceContext } from '../source.ts'
import { UpdatePeriod } from './update-period.ts'

export interface GpuTrackSpec {
  name: string
  unit: string
  /** For `tracks.attrs`: field, source, window and what else is known of it. */
  attrs: Record<string, unknown>
}

export interface GpuDevice {
  host: string
  /** `<index> <uuid> <name>`. */
  device: string
  /** The clock that the times were read from. */
  clock: string
}

/** A track's row waits this long at most for its sensor's period to be measured. */
const MEASURE_NS = 5e9

/** The counters of one GPU. */
export class GpuTracks {
  private readonly context: SourceContext
  private readonly specs: readonly GpuTrackSpec[]
  private readonly device: GpuDevice
  private readonly ids: number[]
  private readonly periods: UpdatePeriod[]
  private undeclared: Set<number>
  private firstNs = Number.NaN

  constructor(context: SourceContext, device: GpuDevice, specs: readonly GpuTrackSpec[]) {
    this.context = context
    this.specs = specs
    this.device = device
    this.ids = specs.map(() => context.trackId())
    this.periods = specs.map(() => new UpdatePeriod())
    this.undeclared = new Set(specs.keys())
  }

  /** One sample of every track, NaN where the source had no value. */
  add(tNs: number, values: ArrayLike<number>): void {
    const { counters } = this.context.writers
    for (const [i, id] of this.ids.entries()) {
      const at = counters.next()
      counters.columns.track_id[at] = id
      counters.columns.t_ns[at] = tNs
      counters.columns.value[at] = values[i] as number
    }
    counters.settle()
    if (this.undeclared.size > 0) this.measure(tNs, values)
  }

  /** Writes the rows of tracks that are still being measured. */
  declare(): void {
    for (const i of this.undeclared) this.declareTrack(i)
    this.undeclared.clear()
  }

  private measure(tNs: number, values: ArrayLike<number>): void {
    if (Number.isNaN(this.firstNs)) this.firstNs = tNs
    for (const i of this.undeclared) {
      const period = this.periods[i] as UpdatePeriod
      period.see(tNs, values[i] as number)
      if (!period.isKnown) continue
      this.declareTrack(i)
      this.undeclared.delete(i)
    }
    if (tNs - this.firstNs > MEASURE_NS) this.declare()
  }

  private declareTrack(i: number): void {
    const spec = this.specs[i] as GpuTrackSpec
    const { host, device, clock } = this.device
    this.context.writers.tracks.append({
      track_id: this.ids[i] as number,
      layer: codeOf(LAYERS, 'gpu'),
      host,
      device,
      name: spec.name,
      unit: spec.unit,
      clock,
      attrs: JSON.stringify({ ...spec.attrs, update_period_ns: this.periods[i]?.ns ?? null }),
    })
  }
}
