import type { Layer } from '../../../trace/tables.ts'

export type Role = 'machine' | 'client' | 'engine'

/** A line of the timeline as a thread describes it; the owner of the ids assigns its id within the run. */
export interface TrackSpec {
  layer: Layer
  name: string
  unit: string
  process?: string
  processStartNs?: number
  thread?: string
  device?: string
  /**
   * `role`; `source`: the file and field; `kind`: `gauge` (the value then), `delta` (what was added since the sample
   * before; its sum over a span is what happened in it) or `mean` (over the time since the sample before).
   */
  attrs: { role: Role; source: string; kind: 'gauge' | 'delta' | 'mean'; [name: string]: unknown }
}

/** Where samples go. */
export interface SampleSink {
  track(spec: TrackSpec): number
  /** NULL, as null, if the source reported that it has no value. */
  add(track: number, tNs: number, value: number | null): void
}

/** One part of the machine that is looked at: `dtNs` is the time since the sample before, null at the first. */
export interface Sampled {
  sample(tNs: number, dtNs: number | null): void
  close?(): void
}

/** Growth of a count that only grows; null where one end is unknown, or it was reset. */
export function growth(now: number | null | undefined, before: number | null | undefined): number | null {
  if (now === null || now === undefined || before === null || before === undefined) return null
  return now >= before ? now - before : null
}

/** A track that is made with its first value: what a machine does not have is no track. */
export class LazyTrack {
  private readonly sink: SampleSink
  private readonly spec: TrackSpec
  private id: number | null = null

  constructor(sink: SampleSink, spec: TrackSpec) {
    this.sink = sink
    this.spec = spec
  }

  add(tNs: number, value: number | null): void {
    if (this.id === null && value === null) return
    this.id ??= this.sink.track(this.spec)
    this.sink.add(this.id, tNs, value)
  }
}
