import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import type { SourceContext } from '../source.ts'
import { isBlank, possibleValue, type RejectedValues } from '../value-limits.ts'
import { UpdatePeriod } from './update-period.ts'

export interface GpuTrackSpec {
  name: string
  unit: string
  /** The factor from the source's unit to the track's. */
  scale: number
  /** For `tracks.attrs`: field, source, window and what else is known of it. */
  attrs: Record<string, unknown>
}

export interface GpuDevice {
  host: string
  /** `<index> <uuid> <name>`. */
  device: string
  /** The clock that the times were read from. */
  clock: string
  /** Receives values that are impossible for the unit. */
  rejected: RejectedValues
}

interface GpuTrack {
  id: number
  spec: GpuTrackSpec
  period: UpdatePeriod
  firstNs: number
  declared: boolean
  /** It has had a value before: an empty value after that is a missing one. */
  seen: boolean
}

/** A track's row waits this long at most for its sensor's period to be measured. */
const MEASURE_NS = 5e9

/** The counters of one GPU. */
export class GpuTracks {
  private readonly context: SourceContext
  private readonly device: GpuDevice
  private readonly tracks: GpuTrack[] = []
  private scaled: Float64Array = new Float64Array(0)
  private undeclared = 0

  constructor(context: SourceContext, device: GpuDevice, specs: readonly GpuTrackSpec[]) {
    this.context = context
    this.device = device
    for (const spec of specs) this.extend(spec)
  }

  /** One more track, at the end of those that `add` takes. */
  extend(spec: GpuTrackSpec): void {
    const id = this.context.trackId()
    this.tracks.push({ id, spec, period: new UpdatePeriod(), firstNs: Number.NaN, declared: false, seen: false })
    this.scaled = new Float64Array(this.tracks.length)
    this.undeclared++
  }

  /**
   * One sample of every track as the source reports it, NaN if it had no value; impossible values are recorded as none.
   */
  add(tNs: number, values: ArrayLike<number>): void {
    const { scaled } = this
    for (const [i, track] of this.tracks.entries()) scaled[i] = this.checked(track, values[i] as number, tNs)
    this.checkMemory(values, tNs)
    const { counters } = this.context.writers
    for (const [i, { id }] of this.tracks.entries()) {
      const at = counters.next()
      counters.columns.track_id[at] = id
      counters.columns.t_ns[at] = tNs
      counters.columns.value[at] = scaled[i] as number
    }
    counters.settle()
    if (this.undeclared > 0) this.measure(tNs)
  }

  /** Writes the rows of tracks that are still being measured. */
  declare(): void {
    for (const track of this.tracks) if (!track.declared) this.declareTrack(track)
  }

  private checked(track: GpuTrack, raw: number, tNs: number): number {
    if (Number.isNaN(raw)) return Number.NaN
    const blank = isBlank(raw)
    const value = blank ? Number.NaN : possibleValue(track.spec.unit, raw * track.spec.scale)
    if (!Number.isNaN(value)) track.seen = true
    // A GPU that never has a value is empty from the start: nothing is missing.
    else if (!blank || track.seen) this.reject(track, raw, tNs)
    return value
  }

  private checkMemory(values: ArrayLike<number>, tNs: number): void {
    const total = this.tracks.findIndex(({ spec }) => spec.name === 'memory_total_bytes')
    const used = this.tracks.findIndex(({ spec }) => spec.name === 'memory_used_bytes')
    if (total === -1 || used === -1 || !((this.scaled[used] as number) > (this.scaled[total] as number))) return
    this.scaled[used] = Number.NaN
    this.reject(this.tracks[used] as GpuTrack, values[used] as number, tNs)
  }

  private reject({ spec }: GpuTrack, raw: number, tNs: number): void {
    const field = typeof spec.attrs.field === 'string' ? spec.attrs.field : spec.name
    this.device.rejected.add(tNs, this.device.device, field, String(raw))
  }

  private measure(tNs: number): void {
    for (const [i, track] of this.tracks.entries()) {
      if (track.declared) continue
      if (Number.isNaN(track.firstNs)) track.firstNs = tNs
      track.period.see(tNs, this.scaled[i] as number)
      if (track.period.isKnown || tNs - track.firstNs > MEASURE_NS) this.declareTrack(track)
    }
  }

  private declareTrack(track: GpuTrack): void {
    const { host, device, clock } = this.device
    track.declared = true
    this.undeclared--
    this.context.writers.tracks.append({
      track_id: track.id,
      layer: codeOf(LAYERS, 'gpu'),
      host,
      device,
      name: track.spec.name,
      unit: track.spec.unit,
      clock,
      attrs: JSON.stringify({ ...track.spec.attrs, update_period_ns: track.period.ns }),
    })
  }
}
