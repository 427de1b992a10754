import { codeOf } from '../trace/columns.ts'
import { LAYERS, type Layer } from '../trace/tables.ts'
import type { SourceContext } from './source.ts'

export interface GapTrackOptions {
  layer: Layer
  host: string
  /** The source whose silence it shows. */
  source: string
  /** A pause between samples longer than this is a gap, whatever its reason. */
  longestPauseNs: number
}

/** The outages of a source as slices of category `gap`, from the last sample before to the first after. */
export class GapTrack {
  private readonly context: SourceContext
  private readonly options: GapTrackOptions
  private track: number | null = null
  private lastNs: number
  private reason: string | null = null
  private paused = false

  constructor(context: SourceContext, options: GapTrackOptions) {
    this.context = context
    this.options = options
    this.lastNs = context.clock.now()
  }

  /** A sample came. */
  sample(tNs: number): void {
    const late = tNs - this.lastNs > this.options.longestPauseNs
    if (!this.paused && (this.reason !== null || late)) this.close(tNs)
    if (tNs > this.lastNs) this.lastNs = tNs
  }

  /** Samples have stopped coming; the first reason of an outage stays its name. */
  outage(reason: string): void {
    this.reason ??= reason
  }

  /** The source pauses on purpose. Output that was already on its way still arrives, and does not end the outage. */
  pause(reason: string): void {
    this.paused = true
    this.outage(reason)
  }

  /** The next sample ends the outage. */
  resume(): void {
    this.paused = false
  }

  /** The end of the run: an outage that still lasts ends here. */
  end(): void {
    const now = this.context.clock.now()
    if (this.reason !== null || now - this.lastNs > this.options.longestPauseNs) this.close(now)
  }

  private close(endNs: number): void {
    const { layer, host, source } = this.options
    const { writers } = this.context
    if (this.track === null) {
      this.track = this.context.trackId()
      writers.tracks.append({
        track_id: this.track,
        layer: codeOf(LAYERS, layer),
        host,
        name: 'gaps',
        clock: 'run',
        attrs: JSON.stringify({ source }),
      })
    }
    writers.slices.append({
      slice_id: this.context.sliceId(),
      track_id: this.track,
      t_ns: this.lastNs,
      dur_ns: Math.max(0, endNs - this.lastNs),
      name_id: this.context.nameId(this.reason ?? 'no samples came'),
      category: 'gap',
    })
    this.reason = null
    this.lastNs = Math.max(this.lastNs, endNs)
  }
}
