import type { ClockBase } from '../../base/time.ts'
import type { SamplerOptions } from './sampled-host.ts'
import type { TrackSpec } from './samples/samples.ts'

export interface SamplerThreadData extends SamplerOptions {
  clock: ClockBase
  periodMs: number
}

/** A batch from the sampler's thread: new tracks by their ids there, and samples as triples of track, t_ns, value (NaN: NULL). */
export interface SamplerBatch {
  tracks: [id: number, spec: TrackSpec][]
  samples: Float64Array<ArrayBuffer>
}

/** What the thread is asked to do: end, pause sampling, or resume. */
export type SamplerRequest = 'stop' | 'pause' | 'resume'
