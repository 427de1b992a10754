import type { RandomStream } from '../../base/random-stream.ts'

/** When requests come, whatever the server does. Times are µs since the start, rates requests per second. */
export interface ArrivalProcess {
  readonly name: string
  /** All that decides it but the seed; recorded. Durations in s. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Requests per second over a long time; null where there is no such number. */
  readonly meanRate: number | null
  /** The times of one seed: each call gives the next one, never falling; Infinity where no more come. */
  start(random: RandomStream): () => number
}

/** Times whose gaps are drawn apart from each other (us); the first time is the first gap. */
export function renewal(gapUs: (random: RandomStream) => number): ArrivalProcess['start'] {
  return (random) => {
    let t = 0
    return () => {
      t += gapUs(random)
      return t
    }
  }
}
