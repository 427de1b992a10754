import { EVIDENCE, type Evidence, type LateCause } from './causes.ts'
import type { LateInput, TokenGap } from './token-gap.ts'

/** A late token with the time that each cause explains of it, ns. */
export interface ExplainedGap {
  readonly gap: TokenGap
  /** By how much it was late. */
  readonly lateByNs: number
  readonly parts: ReadonlyMap<LateCause, number>
  /** What explains most of it, if that is at least half. */
  readonly claimed: LateCause | null
}

/** A late token must show more of a cause than this share of the on-time tokens. */
const BEYOND = 0.95
/** A cause is claimed from this share of the lateness on. */
const CLAIM_SHARE = 0.5
/** With fewer on-time tokens beside as many requests, all on-time tokens are compared instead. */
const LEAST_MATCHED = 40

/**
 * Explains each late token by what happened then, beyond what happens for on-time tokens beside as many requests:
 * threads wait and quotas apply then, too. A cause explains time only if it shows more than in 95 % of those, and no
 * time is explained twice.
 */
export function explainLate(input: LateInput): ExplainedGap[] {
  const references = new References(input)
  return input.late.map((gap) => {
    const matched = references.of(gap.beside)
    const lateByNs = Math.max(0, gap.toNs - gap.fromNs - matched.gapNs)
    const parts = new Map<LateCause, number>()
    let left = lateByNs
    for (const [i, evidence] of EVIDENCE.entries()) {
      const reference = matched.measures[i]
      if (reference == null) continue
      const ns = Math.min(left, explainedNs(evidence, gap, reference))
      if (ns <= 0) continue
      parts.set(evidence.cause, (parts.get(evidence.cause) ?? 0) + ns)
      left -= ns
    }
    return { gap, lateByNs, parts, claimed: claim(parts, lateByNs) }
  })
}

/** Causes that something was recorded for. */
export function lookedFor({ late, onTime }: LateInput): Set<LateCause> {
  const recorded = ({ measure }: Evidence) => [...onTime, ...late].some((gap) => measure(gap) !== null)
  return new Set(EVIDENCE.filter(recorded).map(({ cause }) => cause))
}

function explainedNs(evidence: Evidence, gap: TokenGap, reference: Reference): number {
  const measured = evidence.measure(gap)
  if (measured === null) return 0
  const lengthNs = gap.toNs - gap.fromNs
  const usual = evidence.kind === 'share' ? reference.high * lengthNs : reference.high
  if (measured < evidence.least || measured <= usual) return 0
  if (evidence.kind === 'mark') return evidence.explains?.(gap) ?? 0
  return measured - (evidence.kind === 'share' ? reference.mean * lengthNs : reference.mean)
}

function claim(parts: ReadonlyMap<LateCause, number>, lateByNs: number): LateCause | null {
  let best: LateCause | null = null
  let most = 0
  for (const [cause, ns] of parts) {
    if (ns > most) {
      best = cause
      most = ns
    }
  }
  return most >= CLAIM_SHARE * lateByNs && most > 0 ? best : null
}

/** The value of a measure for on-time tokens: of a share, per ns of gap. */
interface Reference {
  readonly mean: number
  readonly high: number
}

interface Matched {
  readonly gapNs: number
  /** By the place in EVIDENCE; null where nothing was recorded. */
  readonly measures: readonly (Reference | null)[]
}

/** On-time tokens by how many requests were beside them. */
class References {
  private readonly byBeside = new Map<number, TokenGap[]>()
  private readonly known = new Map<number, Matched>()
  private readonly all: Matched

  constructor(input: LateInput) {
    for (const gap of input.onTime) {
      const same = this.byBeside.get(gap.beside)
      if (same === undefined) this.byBeside.set(gap.beside, [gap])
      else same.push(gap)
    }
    this.all = this.matched(input.onTime)
  }

  of(beside: number): Matched {
    const gaps = this.byBeside.get(beside) ?? []
    if (gaps.length < LEAST_MATCHED) return this.all
    let matched = this.known.get(beside)
    if (matched === undefined) {
      matched = this.matched(gaps)
      this.known.set(beside, matched)
    }
    return matched
  }

  private matched(gaps: readonly TokenGap[]): Matched {
    return {
      gapNs: mean(gaps.map(({ fromNs, toNs }) => toNs - fromNs)),
      measures: EVIDENCE.map(({ measure, kind }) => {
        const values = gaps.flatMap((gap) => {
          const value = measure(gap)
          if (value === null) return []
          return [kind === 'share' ? value / Math.max(1, gap.toNs - gap.fromNs) : value]
        })
        if (values.length === 0) return null
        values.sort((a, b) => a - b)
        return { mean: mean(values), high: values[Math.ceil(BEYOND * values.length) - 1] as number }
      }),
    }
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
