import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import type { RunWriter } from '../run-writer.ts'

export interface GpuColumn {
  /** The column of the file. */
  readonly column: string
  readonly track: string
  readonly unit: string
  /** The file's number times this is the track's. */
  readonly scale: number
}

export interface GpuTracksOptions {
  readonly clock: string
  readonly device: string | null
  readonly attrs: Readonly<Record<string, unknown>>
}

const GPU_LAYER = codeOf(LAYERS, 'gpu')

/** Counters of one GPU: declares one track per column, then takes samples. */
export class GpuCounters {
  private readonly run: RunWriter
  private readonly tracks: readonly number[]
  private readonly columns: readonly GpuColumn[]

  constructor(run: RunWriter, columns: readonly GpuColumn[], options: GpuTracksOptions) {
    this.run = run
    this.columns = columns
    this.tracks = columns.map(({ column, track, unit }) => {
      const track_id = run.nextId('track')
      run.writers.tracks.append({
        track_id,
        layer: GPU_LAYER,
        device: options.device,
        name: track,
        unit,
        clock: options.clock,
        attrs: JSON.stringify({ field: column, ...options.attrs }),
      })
      return track_id
    })
  }

  /** One sample: the file's values of the columns, null for none. */
  add(tNs: number, values: readonly (number | null)[]): void {
    const { counters } = this.run.writers
    for (const [i, { scale }] of this.columns.entries()) {
      const value = values[i] ?? null
      // Percent to ratio by division: 57 * 0.01 is not 0.57.
      const scaled = value === null ? null : scale < 1 ? value / Math.round(1 / scale) : value * scale
      counters.append({ track_id: this.tracks[i] as number, t_ns: tNs, value: scaled })
    }
    this.run.until(tNs)
  }
}
