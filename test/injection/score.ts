import type { LateCause } from '../../src/analysis/late-tokens/model.ts'

/** What was done, and nothing for the late tokens of other times. */
export type Injected = LateCause | 'nothing'

/** Late tokens with what was done to the engine in their gap and what the report claims. */
export interface Judged {
  readonly injected: Injected
  readonly claimed: LateCause | null
}

export interface CauseScore {
  readonly cause: LateCause
  /** Late tokens of its injections, and of all those claimed for it. */
  readonly injected: number
  readonly claimed: number
  readonly right: number
  /** Null where nothing was claimed, or injected. */
  readonly precision: number | null
  readonly recall: number | null
}

/** Of each cause that was injected: of what was claimed for it, what is right; of what it made late, what was claimed. */
export function scores(judged: readonly Judged[]): CauseScore[] {
  const causes = [...new Set(judged.flatMap(({ injected }) => (injected === 'nothing' ? [] : [injected])))]
  return causes.map((cause) => {
    const ofCause = judged.filter(({ injected }) => injected === cause)
    const claimed = judged.filter((each) => each.claimed === cause)
    const right = ofCause.filter((each) => each.claimed === cause).length
    return {
      cause,
      injected: ofCause.length,
      claimed: claimed.length,
      right,
      precision: claimed.length === 0 ? null : right / claimed.length,
      recall: ofCause.length === 0 ? null : right / ofCause.length,
    }
  })
}

/** Rows: what was done; columns: what is claimed. */
export function confusion(judged: readonly Judged[]): Map<Injected, Map<LateCause | 'none', number>> {
  const rows = new Map<Injected, Map<LateCause | 'none', number>>()
  for (const { injected, claimed } of judged) {
    const row = rows.get(injected) ?? new Map<LateCause | 'none', number>()
    row.set(claimed ?? 'none', (row.get(claimed ?? 'none') ?? 0) + 1)
    rows.set(injected, row)
  }
  return rows
}
