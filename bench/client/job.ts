import type { PartialBehaviour } from '../../test/paced-server/behaviour.ts'

/** The readers that a bench can start: Layerline's client, and what it is compared with. */
export const READERS = ['layerline', 'layerline-usage', 'fetch', 'socket'] as const
export type ReaderName = (typeof READERS)[number]

/** What a reader process is asked to do, again and again. */
export interface Job {
  readonly url: string
  readonly requests: number
  readonly tokens: number
  readonly paced: PartialBehaviour
  /** The requests arrive evenly over this long; 0: all at once. */
  readonly overMs: number
  readonly repetitions: number
  /** Tokens of each request of the warm-up, which is unpaced and not measured; 0: none. */
  readonly warmupTokens: number
  /** Compare what was recorded with the server's own stamps. */
  readonly compare: boolean
}

/** One repetition. */
export interface Measured {
  readonly tokens: number
  /** Requests that did not end well. */
  readonly failed: number
  readonly wallMs: number
  /** User and system time of the reader's process, all its threads, µs. */
  readonly cpuUs: number
  /** The same of the server's process, in steps of 10 ms; null where /proc does not say. */
  readonly serverCpuUs: number | null
  readonly comparison: Comparison | null
}

/** Percentiles of a latency, ms: as recorded, as the server did it, and of the difference event by event. */
export interface Compared {
  readonly count: number
  readonly recorded: { p50: number; p99: number }
  readonly truth: { p50: number; p99: number }
  /** Of |recorded - truth| of the same event. */
  readonly paired: { p50: number; p99: number }
}

export interface Comparison {
  readonly ttft: Compared
  readonly itl: Compared
  /** How late the server was against its own schedule, p99, ms: beyond a few ms, it was the bottleneck. */
  readonly serverLateMs: number
}

/** A request as a reader saw it; ns of one clock, whichever. */
export interface Seen {
  /** Its X-Request-Id. */
  readonly key: string
  readonly sentNs: number
  /** Of each event that carries a token. */
  readonly stampsNs: readonly number[]
}

export interface CompletionBody {
  readonly model: string
  readonly prompt: string
  readonly max_tokens: number
  readonly stream: true
  readonly paced: PartialBehaviour
}

/** One way of reading streams. */
export interface Reader {
  /** Starts request `index`; resolves when its answer has ended, to its tokens, or to null where it failed. */
  send(index: number, body: CompletionBody): Promise<number | null>
  /** All that was received is where it belongs. */
  settle(): Promise<void>
  /** The requests from index `from` on, as they were recorded; called once, when no more will be sent. */
  seen(from: number): Promise<Seen[]>
  close(): Promise<void>
}
