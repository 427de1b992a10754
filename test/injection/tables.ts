import type { HarmedRun } from './harmed-run.ts'
import type { Harm } from './injectors/injector.ts'
import { confusion, scores } from './score.ts'

interface Outcome {
  readonly harm: Harm
  readonly run: HarmedRun
  /** The same engine with nothing done; null where that was left out. */
  readonly calm: HarmedRun | null
}

/** Markdown: a row a harm, precision and recall of its cause in its own run. */
export function scoreTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ harm, run, calm }) => {
    const score = scores(run.judged).find(({ cause }) => cause === harm.cause)
    return [
      `${harm.name} (${harm.engine})`,
      `\`${harm.cause}\``,
      String(run.injections),
      `${run.p99Ms.toFixed(0)} / ${calm?.p99Ms.toFixed(0) ?? '–'} ms`,
      String(score?.injected ?? 0),
      String(score?.claimed ?? 0),
      percent(score?.precision ?? null),
      percent(score?.recall ?? null),
    ]
  })
  const calms = calmRuns(outcomes).map((calm) => {
    const { engine } = outcomes.find((each) => each.calm === calm)?.harm ?? { engine: '' }
    const claimed = calm.judged.filter((each) => each.claimed !== null).length
    const late = calm.judged.length
    return `Nothing done (${engine}): ${claimed} of ${late} late tokens were given a cause${late === 0 ? '' : `, ${percent(claimed / late)}`}.`
  })
  const head = ['done', 'cause', 'times', 'ITL p99, done / not', 'late tokens', 'claimed', 'precision', 'recall']
  return [...markdown(head, rows), '', ...calms].join('\n')
}

/** Markdown: what was done, against what was claimed; over all runs. */
export function confusionTable(outcomes: readonly Outcome[]): string {
  const all = [...outcomes.map(({ run }) => run), ...calmRuns(outcomes)]
  const counts = confusion(all.flatMap(({ judged }) => judged))
  const claims = [...new Set([...counts.values()].flatMap((row) => [...row.keys()]))].sort()
  return markdown(
    ['done \\ claimed', ...claims],
    [...counts].map(([injected, row]) => [injected, ...claims.map((claim) => String(row.get(claim) ?? 0))]),
  ).join('\n')
}

function calmRuns(outcomes: readonly Outcome[]): HarmedRun[] {
  return [...new Set(outcomes.map(({ calm }) => calm))].filter((calm) => calm !== null)
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}

function percent(share: number | null): string {
  return share === null ? '–' : `${(100 * share).toFixed(0)} %`
}
