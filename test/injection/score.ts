import { z } from 'zod'
import { LATE_CAUSES, type LateCause } from '../../src/analysis/late-tokens/causes.ts'

const cause = z.enum(LATE_CAUSES)

/** So many late tokens with what was done to the engine in their gap (nothing: those of other times), and what the report claims. */
export const judgedSchema = z.strictObject({
  injected: cause.or(z.literal('nothing')),
  claimed: cause.nullable(),
  tokens: z.number().int().positive(),
})
export type Judged = z.infer<typeof judgedSchema>
export type Injected = Judged['injected']

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

/** The same of several late tokens as one. */
export function summed(judged: readonly Judged[]): Judged[] {
  const sums = new Map<string, Judged>()
  for (const { injected, claimed, tokens } of judged) {
    const key = `${injected} ${claimed}`
    sums.set(key, { injected, claimed, tokens: (sums.get(key)?.tokens ?? 0) + tokens })
  }
  return [...sums.values()]
}

/** Of each cause that was injected: of what was claimed for it, what is right; of what it made late, what was claimed. */
export function scores(judged: readonly Judged[]): CauseScore[] {
  const causes = [...new Set(judged.flatMap(({ injected }) => (injected === 'nothing' ? [] : [injected])))]
  return causes.map((cause) => {
    const injected = tokensOf(judged.filter((each) => each.injected === cause))
    const claimed = tokensOf(judged.filter((each) => each.claimed === cause))
    const right = tokensOf(judged.filter((each) => each.injected === cause && each.claimed === cause))
    return {
      ...{ cause, injected, claimed, right },
      precision: claimed === 0 ? null : right / claimed,
      recall: injected === 0 ? null : right / injected,
    }
  })
}

/** Late tokens while nothing was done, those of them that were given a cause all the same, and all late tokens. */
export function unprovoked(judged: readonly Judged[]): { late: number; claimed: number; outliers: number } {
  const calm = judged.filter(({ injected }) => injected === 'nothing')
  return {
    late: tokensOf(calm),
    claimed: tokensOf(calm.filter(({ claimed }) => claimed !== null)),
    outliers: tokensOf(judged),
  }
}

/** Rows: what was done; columns: what is claimed. */
export function confusion(judged: readonly Judged[]): Map<Injected, Map<LateCause | 'none', number>> {
  const rows = new Map<Injected, Map<LateCause | 'none', number>>()
  for (const { injected, claimed, tokens } of judged) {
    const row = rows.get(injected) ?? new Map<LateCause | 'none', number>()
    row.set(claimed ?? 'none', (row.get(claimed ?? 'none') ?? 0) + tokens)
    rows.set(injected, row)
  }
  return rows
}

function tokensOf(judged: readonly Judged[]): number {
  return judged.reduce((sum, { tokens }) => sum + tokens, 0)
}
