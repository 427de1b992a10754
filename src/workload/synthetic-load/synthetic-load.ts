import type { ArrivalProcess } from '../arrival-processes/arrival-process.ts'
import type { BoundedDraw } from '../distributions/bounded-draw.ts'
import type { RequestLengths } from '../lengths/request-lengths.ts'

/** Load without a trace, as `load` is asked for it. */
export interface SyntheticLoad {
  readonly seed: number
  /** null: a closed loop decides when each request is sent. */
  readonly process: ArrivalProcess | null
  readonly lengths: RequestLengths
  /** The end: after so many requests, or so long, or whichever comes first; at least one of them in an open loop. */
  readonly requests: number | null
  readonly durationS: number | null
  /** Each prompt begins with one of `count` texts of so many tokens, inside its length. */
  readonly sharedPrefix: { readonly tokens: number; readonly count: number } | null
  /** Conversations: how many turns each has, and the pause before the next, s. The process then says when they begin. */
  readonly turns: BoundedDraw | null
  readonly think: BoundedDraw | null
}
