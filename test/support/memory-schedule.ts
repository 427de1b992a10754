import type { Arrival, ArrivalPrompts, ArrivalSchedule } from '../../src/workload/arrivals/arrival.ts'

export type ArrivalAt = Partial<Omit<Arrival, 'index'>> & { tUs: number }

/** A schedule from a list, in batches of `batchSize`. */
export function memorySchedule(list: readonly ArrivalAt[], batchSize = 7): ArrivalSchedule {
  const arrivals = list.map((each, index) => ({
    inputTokens: 8,
    outputTokens: 4,
    session: null,
    blocks: null,
    ...each,
    index,
  }))
  return {
    provenance: { format: 'list' },
    notes: [],
    total: arrivals.length,
    spanUs: arrivals.at(-1)?.tUs ?? 0,
    counts: {},
    async *batches(from = 0) {
      for (let at = from; at < arrivals.length; at += batchSize) yield arrivals.slice(at, at + batchSize)
    },
  }
}

/** Prompts of token ids: as many as asked for, the first of them the arrival's index. */
export const MEMORY_PROMPTS: ArrivalPrompts = {
  provenance: { kind: 'index' },
  notes: [],
  promptOf: ({ index, inputTokens }) => ({
    tokenIdsJson: JSON.stringify([index, ...new Array<number>(inputTokens - 1).fill(1)]),
  }),
  intendedCachedTokens: () => 0,
}
