import type { VerdictLine } from '../../trace/run-json.ts'

/**
 * `limits`: shown to have limited the run; `may_limit`: some evidence says so; `fine`: it was measured, and no evidence
 * says so.
 */
export type AssessedState = 'fine' | 'may_limit' | 'limits' | 'unknown'

/** The assessment of one of the three that can limit a run. */
export interface Assessment {
  state: AssessedState
  /** The verdict lines it rests on, by their `what`, the most telling first. */
  evidence: string[]
}

export interface Assessments {
  client: Assessment
  server: Assessment
  network: Assessment
}

/** One assessment with the lines of its evidence. */
export interface Assessed extends Assessment {
  readonly lines: readonly VerdictLine[]
}

/** The worst line decides; without a negative line, `otherwise` holds. */
export function assessed(lines: readonly VerdictLine[], otherwise: AssessedState): Assessed {
  const against = lines.filter(({ level }) => level === 'bad' || level === 'warn')
  const state = against.some(({ level }) => level === 'bad') ? 'limits' : against.length > 0 ? 'may_limit' : otherwise
  const worstFirst = [...against].sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'))
  return { state, evidence: [...new Set(worstFirst.map(({ what }) => what))], lines }
}
