import type { RandomStream } from '../../base/random-stream.ts'

/** When requests come, whatever the server does. Times are µs since the start, rates requests per second. */
export interface ArrivalProcess {
  readonly name: string
  /** All parameters except the seed; recorded. Durations in s. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Requests per second in the long run; null if there is no such number. */
  readonly meanRate: number | null
  /** The times of one seed: each call gives the next one, never decreasing; Infinity when no more come. */
  start(random: RandomStream): () => number
}

/** Times whose gaps are drawn independently (µs); the first time is the first gap. */
export function renewal(gapUs: (random: RandomStream) => number): ArrivalProcess['start'] {
  return (random) => {
    let t = 0
    return () => {
      t += gapUs(random)
      return t
    }
  }
}
