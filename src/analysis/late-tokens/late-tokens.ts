import type { RunReader } from '../../store/read/run-reader.ts'
import type { GapFigures } from '../latency/gap-distributions.ts'
import { LATE_CAUSES } from './causes.ts'
import { type ExplainedGap, explainLate, lookedFor } from './explain.ts'
import type { LateCauseFigures, LateTokens } from './model.ts'
import { readGaps } from './read-gaps.ts'
import { readThreads } from './read-threads.ts'

/** Late tokens listed one by one. */
const LISTED = 10

/**
 * The late tokens of a run, and what happened then beyond what happens for on-time tokens; null with too few tokens.
 */
export async function lateTokens(
  reader: RunReader,
  usual: GapFigures['usual'],
  listed = LISTED,
): Promise<LateTokens | null> {
  const gaps = await readGaps(reader, usual)
  if (gaps === null) return null
  const explained = explainLate(gaps)
  const lateNs = sum(explained.map(({ lateByNs }) => lateByNs))
  const looked = lookedFor(gaps)
  const causes = causeFigures(explained, lateNs)
  return {
    itl_median_ms: gaps.medianNs / 1e6,
    late_from_ms: gaps.lateFromNs / 1e6,
    tokens: gaps.tokens,
    late: gaps.lateTokens,
    looked_at: explained.length,
    on_time: gaps.onTime.length,
    late_ms: lateNs / 1e6,
    explained_share: sum(causes.map(({ share }) => share)),
    causes,
    unclaimed: explained.filter(({ claimed }) => claimed === null).length,
    not_looked_for: LATE_CAUSES.filter((cause) => !looked.has(cause)),
    threads: await readThreads(reader, gaps),
    longest: explained.slice(0, listed).map(({ gap, claimed, parts }) => ({
      request_id: gap.requestId,
      index: gap.index,
      at_s: gap.toNs / 1e9,
      gap_ms: (gap.toNs - gap.fromNs) / 1e6,
      cause: claimed,
      explained_ms: sum([...parts.values()]) / 1e6,
    })),
  }
}

/** Causes that explain something, most time first. */
function causeFigures(explained: readonly ExplainedGap[], lateNs: number): LateCauseFigures[] {
  return LATE_CAUSES.flatMap((cause) => {
    const ns = sum(explained.map(({ parts }) => parts.get(cause) ?? 0))
    const tokens = explained.filter(({ claimed }) => claimed === cause).length
    return ns > 0 ? [{ cause, tokens, explained_ms: ns / 1e6, share: ns / lateNs }] : []
  }).sort((a, b) => b.explained_ms - a.explained_ms)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
