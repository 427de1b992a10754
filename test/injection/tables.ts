import type { ColdResult, HarmedResult, Results } from './results.ts'
import { confusion, scores, unprovoked } from './score.ts'

/** A fault counts for the aim from this multiple of the usual ITL p99 on. */
const COUNTS_FROM = 2

/** Markdown of all that was measured: for docs/late-tokens.md. */
export function resultTables({ harmed, cold }: Results): string {
  const layers = [...new Set(harmed.map((each) => each.layers))]
  const parts = layers.flatMap((each) => harmedTables(harmed.filter((result) => result.layers === each)))
  return [...parts, ...(cold.length === 0 ? [] : [coldTable(cold)])].join('\n\n')
}

/** Runs with the same layers recorded: precision is over all of them. */
function harmedTables(results: readonly HarmedResult[]): string[] {
  const judged = results.flatMap((each) => each.judged)
  const all = scores(judged)
  const rows = results.flatMap((result) => {
    const { harm, engine, cause, injections, p99_ms, calm_p99_ms } = result
    if (cause === null || result.not_done !== null) return []
    const own = scores(result.judged).find((each) => each.cause === cause)
    const precision = all.find((each) => each.cause === cause)?.precision ?? null
    const counts = p99_ms !== null && calm_p99_ms !== null && p99_ms >= COUNTS_FROM * calm_p99_ms
    return [
      [
        `${harm} (${engine})`,
        `\`${cause}\``,
        String(injections),
        `${ms(p99_ms)} / ${ms(calm_p99_ms)}${counts ? '' : ', less than double'}`,
        `${own?.right ?? 0} of ${own?.injected ?? 0}`,
        percent(own?.recall ?? null),
        percent(precision),
      ],
    ]
  })
  const head = ['done', 'cause', 'times', 'ITL p99, done / not', 'late tokens claimed right', 'recall', 'precision']
  const { late, claimed, outliers } = unprovoked(judged)
  const notDone = results.filter(({ not_done }) => not_done !== null)
  const failures = results.flatMap(({ harm, failures }) => failures.map((text) => `${harm}: ${text}`))
  const first = results[0]
  return [
    `Recorded with ${first?.layers ?? ''}; ${[...new Set(results.map(({ machine, made }) => `${machine}, ${made}`))].join('; ')}:`,
    markdown(head, rows),
    'Done (rows) against claimed:',
    confusionTable(results),
    `While nothing was done ${late} tokens were late, and ${claimed} of them were given a cause: ${percent(outliers === 0 ? null : claimed / outliers)} of all ${outliers} late tokens.`,
    ...(notDone.length === 0
      ? []
      : [notDone.map(({ harm, not_done }) => `Not done: ${harm} (${not_done}).`).join('\n')]),
    ...(failures.length === 0 ? [] : [`Went wrong meanwhile: ${failures.join('; ')}.`]),
  ]
}

function confusionTable(results: readonly HarmedResult[]): string {
  const counts = confusion(results.flatMap(({ judged }) => judged))
  const claims = [...new Set([...counts.values()].flatMap((row) => [...row.keys()]))].sort()
  return markdown(
    ['', ...claims],
    [...counts].map(([injected, row]) => [injected, ...claims.map((claim) => String(row.get(claim) ?? 0))]),
  )
}

/** Starts by engine and by what was done to the page cache. */
function coldTable(starts: readonly ColdResult[]): string {
  const groups = new Map<string, ColdResult[]>()
  for (const start of starts) {
    const key = `${start.engine}, weights ${start.dropped ? 'dropped from' : 'left in'} the page cache`
    groups.set(key, [...(groups.get(key) ?? []), start])
  }
  const rows = [...groups].map(([key, group]) => {
    const told = (what: ColdResult['told']) => String(group.filter((each) => each.told === what).length)
    const median = (of: (start: ColdResult) => number | null) => ms(medianOf(group.map(of)))
    const storage = medianOf(group.map((each) => each.storage_bytes))
    return [
      ...[key, String(group.length), told('cold'), told('partly'), told('warm'), told(null)],
      storage === null ? '–' : `${(storage / 1e6).toFixed(0)} MB`,
      ...[median((each) => each.weights_ms), median((each) => each.init_ms), median((each) => each.total_ms)],
    ]
  })
  const head = [
    'starts',
    'number',
    'seen as cold',
    'partly',
    'warm',
    'not known',
    'from storage',
    'weights',
    'init',
    'all',
  ]
  return `Cold starts (medians), what \`report\` says of the page cache:\n\n${markdown(head, rows)}`
}

function medianOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b)
  return known[Math.floor(known.length / 2)] ?? null
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function ms(value: number | null): string {
  return value === null ? '–' : `${value.toFixed(0)} ms`
}

function percent(share: number | null): string {
  return share === null ? '–' : `${(100 * share).toFixed(0)} %`
}
