import type { VerdictLine } from '../../trace/run-json.ts'

/** `limits`: shown to have limited the run; `may_limit`: something speaks for it; `fine`: it was measured, and nothing does. */
export type AssessedState = 'fine' | 'may_limit' | 'limits' | 'unknown'

/** What the run says of one of the three that can limit it. */
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

/** The worst line decides; where none speaks against it, `otherwise` holds. */
export function assessed(lines: readonly VerdictLine[], otherwise: AssessedState): Assessed {
  const against = lines.filter(({ level }) => level === 'bad' || level === 'warn')
  const state = against.some(({ level }) => level === 'bad') ? 'limits' : against.length > 0 ? 'may_limit' : otherwise
  const worstFirst = [...against].sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'))
  return { state, evidence: [...new Set(worstFirst.map(({ what }) => what))], lines }
}
