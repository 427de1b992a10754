import type { RunClock } from '../base/time.ts'
import type { RowWriter } from '../trace/row-writer.ts'
import type { HostProvenance } from '../trace/run-json.ts'
import type { clocks, counters, slices, TableName, tracks } from '../trace/tables.ts'

/** What a run offers to a source that samples beside the requests. */
export interface SourceContext {
  runId: string
  clock: RunClock
  writers: {
    tracks: RowWriter<typeof tracks>
    counters: RowWriter<typeof counters>
    slices: RowWriter<typeof slices>
    clocks: RowWriter<typeof clocks>
  }
  /** Fresh ids of this run. */
  trackId(): number
  sliceId(): number
  /** `strings.id` of a text; the same for the same text. */
  nameId(text: string): number
  /** The system's clock minus the run's, less the run's epoch, as last measured. */
  unixOffset(): { offsetNs: number; uncertaintyNs: number }
  /** Rows of `clocks` will name this clock; their offsets are less this base, which is the run's epoch where none is given. */
  declareClock(name: string, baseNs?: bigint): void
  /** Rows that a source knows of and could not get. */
  countLost(table: TableName, rows: number): void
  /** Another machine that the run looks at, or what is newly known of this one. */
  declareHost(host: HostProvenance): void
  /** A profiler slows the server since `fromNs`, until `toNs` (null: still): requests of that time are marked. */
  profiled(fromNs: number, toNs: number | null): void
  /** Something that the user should know during the run. */
  note(text: string): void
}

/** Traces that a profiler wrote during a run. */
export interface CapturedProfile {
  /** On this machine. */
  readonly files: readonly string[]
  /** The Unix clock that they were stamped with: that clock minus the run's, less the run's epoch. */
  readonly clock: { readonly name: string; readonly offsetNs: number; readonly uncertaintyNs: number }
  /** Removes what was copied. */
  discard(): void
}

/** A layer that can be switched off and on during a run, to see what it costs. */
export interface Toggle {
  /** `host`, `gpu`, `engine metrics`, `os`. */
  readonly name: string
  /** What being off is: it pauses, or what it had attached is detached. */
  readonly off: 'paused' | 'detached'
  /** Resolves once it does nothing any more; rejects where it has ended. */
  pause(): Promise<void>
  /** Resolves once it works as before; rejects where it cannot. */
  resume(): Promise<void>
}

/** A source that was found to work before the run began, or is off and says so in `problem`. */
export interface PreparedSource {
  /** Why nothing, or nothing more, comes; null while all is well. */
  readonly problem: string | null
  /** Traces to be read into the run; known once it has stopped. */
  readonly captured?: CapturedProfile | null
  /** If it can be switched off for a while, once it has started; `stop` ends it in either state. */
  readonly toggle?: Toggle
  /** Resolves once it samples; never rejects. */
  start(context: SourceContext): Promise<void>
  /** Ends it, started or not, and everything it began. */
  stop(): Promise<void>
}

/** A source that is off, and why. */
export function sourceOff(problem: string): PreparedSource {
  return { problem, start: async () => undefined, stop: async () => undefined }
}
