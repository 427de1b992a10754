import { maxGoodput } from '../slo/max-goodput.ts'
import type { Share } from '../slo/share-interval.ts'
import type { StepOutcome } from './level-search.ts'
import { decidingSteps } from './step-outcome.ts'

/** Of a step, what the answer follows from. */
export interface ResultStep {
  /** The rate or the concurrency that was asked for. */
  readonly level: number
  /** What the arrivals came to; null where there is no schedule. */
  readonly offered_per_s: number | null
  readonly achieved_per_s: number | null
  readonly slo_attainment: Share | null
  readonly outcome: StepOutcome | null
  readonly sure: boolean
}

/** The answer of a sweep with objectives. Levels are rates, requests a second, or concurrencies. */
export interface SweepResult {
  target: number
  /** The highest level whose attainment reaches the target; null where none does. */
  highest: number | null
  /** Requests offered a second there, by what the arrivals came to; of a concurrency those answered. */
  max_goodput_per_s: number | null
  /** The lowest level above it that was tried and did not reach it. */
  fails_at: number | null
  /** The same of that level. */
  fails_at_per_s: number | null
  /** Levels below it that did not: the attainment does not fall steadily. */
  failed_below: number[]
  bracket: 'bracketed' | 'all_met' | 'none_met' | 'not_offered' | 'nothing'
  /** Where the answer lies by the 95 % intervals of the steps: the highest level that surely meets, the lowest above it that surely fails. */
  sure: { low: number | null; high: number | null }
  /** Levels whose interval holds the target: decided by the value alone. */
  undecided: number[]
  /** Levels that the client could not offer, or a ceiling held back: they say nothing of the server. */
  not_offered: number[]
}

/** What the steps of a sweep say together; steps without an outcome count for nothing, and of a level's only the last one counts. */
export function sweepResult(axis: 'rate' | 'concurrency', steps: readonly ResultStep[], target: number): SweepResult {
  const judged = decidingSteps(steps).filter(({ outcome }) => outcome !== null)
  const offered = judged.filter(({ outcome }) => outcome !== 'not_offered')
  const levels = (some: readonly ResultStep[]) => some.map(({ level }) => level).sort((a, b) => a - b)
  const best = maxGoodput(
    offered.flatMap(({ level, slo_attainment: share }) =>
      share === null ? [] : [{ rate_per_s: level, slo_attainment: share.value }],
    ),
    target,
  )
  const highest = best.max_goodput_per_s
  const notOffered = levels(judged.filter(({ outcome }) => outcome === 'not_offered'))
  const surely = (outcome: StepOutcome) => offered.filter((step) => step.outcome === outcome && step.sure)
  const low = levels(surely('meets')).at(-1) ?? null
  const high = levels(surely('fails')).find((level) => level > (low ?? highest ?? 0)) ?? null
  const perSecond = (at: number | null) => {
    const step = offered.findLast(({ level }) => level === at)
    return (axis === 'rate' ? (step?.offered_per_s ?? at) : step?.achieved_per_s) ?? null
  }
  return {
    target,
    highest,
    max_goodput_per_s: perSecond(highest),
    fails_at: best.fails_at_per_s,
    fails_at_per_s: perSecond(best.fails_at_per_s),
    failed_below: best.failed_below,
    bracket: bracketOf(highest, best.fails_at_per_s, notOffered, offered.length),
    sure: { low, high },
    undecided: levels(offered.filter(({ sure }) => !sure)),
    not_offered: notOffered,
  }
}

function bracketOf(
  highest: number | null,
  failsAt: number | null,
  notOffered: readonly number[],
  offered: number,
): SweepResult['bracket'] {
  if (offered === 0) return notOffered.length > 0 ? 'not_offered' : 'nothing'
  if (highest === null) return 'none_met'
  if (failsAt !== null) return 'bracketed'
  return notOffered.some((level) => level > highest) ? 'not_offered' : 'all_met'
}
