import type { ScriptTarget } from './script/compose.ts'

/** Where a value comes from: a probe in the kernel, or a file of /proc. */
export interface OsTrack {
  readonly name: string
  readonly unit: string
  /** `pid name`; null: of the machine. */
  readonly process: string | null
  readonly processStartNs: number | null
  /** `tid name`; null: of the whole process. */
  readonly thread: string | null
  readonly device: string | null
  readonly attrs: {
    readonly source: string
    readonly kind: 'delta' | 'gauge' | 'instants' | 'spans'
    readonly [more: string]: unknown
  }
}

export interface OsSlice {
  readonly track: number
  readonly tNs: number
  readonly durNs: number
  readonly name: string
  readonly category: string
  readonly bytes?: number
  readonly args?: Readonly<Record<string, number>>
}

export interface OsClock {
  readonly tNs: number
  readonly offsetNs: number
  readonly uncertaintyNs: number
  readonly method: string
}

/** A count by process and name, as the seed's one-liners print them; only grows. */
export interface OsCount {
  readonly name: string
  readonly pid: number
  readonly comm: string
  /** Of a switch: the name of the thread that got the CPU; `comm` is the one that had it. */
  readonly next_comm?: string
  readonly value: number
}

/** One rare thing that happened, as `--events` prints it. */
export interface OsEvent {
  readonly pid: number
  readonly tid: number
  readonly comm: string
  readonly syscall: string
  readonly tNs: number
  readonly [more: string]: string | number
}

/**
 * Where the layer puts what it sees. Times are ns of this machine's monotonic clock, as `process.hrtime` gives them.
 */
export interface OsSink {
  track(track: OsTrack): number
  sample(track: number, tNs: number, value: number | null): void
  slice(slice: OsSlice): void
  clock(clock: OsClock): void
  note(text: string): void
  /** Events that a probe reported and that did not arrive. */
  lost(events: number): void
  event(event: OsEvent): void
  /** A process group of the layer's has begun, or is over: it must not outlive this program. */
  child?(pid: number, isOver: boolean): void
}

export type OsTarget = ScriptTarget

export interface OsOptions {
  readonly target: OsTarget
  /** Names of probe files, without those that follow processes. */
  readonly files: readonly string[]
  /** Libraries of the target that are known before it has loaded them. */
  readonly libraries: readonly string[]
  readonly tickMs: number
  readonly eventsPerSecond: number
  readonly mapKeys: number
  /** TCP ports that the target listens on. */
  readonly ports: readonly number[]
  /** Whether /proc is used instead where no probe can be attached. */
  readonly orProc: boolean
  readonly window?: { readonly fromS: number; readonly forS: number } | undefined
}

export const OS_DEFAULTS = { tickMs: 100, eventsPerSecond: 10_000, mapKeys: 4096 } as const

/** What the layer's thread has seen since its last report. */
export interface OsBatch {
  readonly tracks: [id: number, track: OsTrack][]
  /** Triples of track, t_ns and value (NaN: NULL). */
  readonly samples: Float64Array<ArrayBuffer>
  readonly slices: OsSlice[]
  readonly clocks: OsClock[]
  readonly notes: string[]
  readonly events: OsEvent[]
  lost: number
  /** All counts so far; null: not part of this batch. */
  readonly counts: readonly OsCount[] | null
}

interface Problem {
  readonly message: string
  readonly hint: string | null
}

/** What the thread is asked to do: end, switch off its probes for a while, or switch them on again. */
export type OsThreadRequest = 'stop' | 'pause' | 'resume'

export type OsThreadMessage =
  | {
      readonly kind: 'ready'
      /** Why /proc alone is read; null where probes are attached. */
      readonly without: Problem | null
      readonly missing: readonly (Problem & { readonly file: string })[]
    }
  | ({ readonly kind: 'failed' } & Problem)
  /** The last pause or resume is done; or why it could not be. */
  | { readonly kind: 'switched'; readonly problem: Problem | null }
  /** A bpftrace that leads a process group of its own has begun, or is over. */
  | { readonly kind: 'child'; readonly pid: number; readonly isOver: boolean }
  | ({ readonly kind: 'batch' } & OsBatch)
