import { readFileSync } from 'node:fs'
import { GROUPS, type Group } from './cases.ts'
import { SERVICES } from './queue-server.ts'
import { errorOf, type Scored } from './score.ts'
import { ARRIVALS, CLIENTS } from './simulated-run.ts'

export interface VerdictRuns {
  requests: number
  open: Scored[]
  closed: Scored[]
}

const HEADS: Readonly<Record<Group, string>> = {
  below: '50 to 80 %: false alarms / undecided / runs',
  between: '90 to 120 %: found / undecided / runs',
  above: '130 to 300 %: found / undecided / runs',
}

/** What `npm run test:verdict` wrote. */
export function readVerdictRuns(file: string): VerdictRuns {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  const runs = lines.map((line) => JSON.parse(line) as Scored)
  const closed = runs.filter((run) => run.case.client === 'users')
  return { requests: runs[0]?.case.requests ?? 0, open: runs.filter((run) => !closed.includes(run)), closed }
}

/** The tables of docs/verdict.md, from the runs as they were scored. */
export function verdictTables({ requests, open, closed }: VerdictRuns): string {
  const of = (some: readonly Scored[], name: string) => row(name, some)
  const rows = [
    of(open, '**all**'),
    ...SERVICES.map((service) =>
      of(
        open.filter((run) => run.case.service === service),
        `service: ${service}`,
      ),
    ),
    ...ARRIVALS.map((arrivals) =>
      of(
        open.filter((run) => run.case.arrivals === arrivals),
        `arrivals: ${arrivals}`,
      ),
    ),
    ...CLIENTS.filter((client) => client !== 'users').map((client) =>
      of(
        open.filter((run) => run.case.client === client),
        `client: ${client}`,
      ),
    ),
  ]
  const head = [
    '',
    ...GROUPS.map((group) => HEADS[group]),
    'sustained rate: largest error',
    'interval holds the capacity',
  ]
  return [
    `${open.length} runs of ${requests} requests in an open loop:`,
    '',
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows,
    '',
    `${closed.length} runs of ${requests} requests in a closed loop, by users over requests that the server works on at once:`,
    '',
    '| users | found saturated | undecided | runs |',
    '|---|---|---|---|',
    ...GROUPS.map((group) => {
      const some = closed.filter((run) => run.group === group)
      const loads = [...new Set(some.map((run) => run.case.load))].sort((a, b) => a - b)
      return `| ${loads.map((load) => `${Math.round(load * 100)} %`).join(', ')} | ${count(some, 'behind')} | ${count(some, 'open')} | ${some.length} |`
    }),
    '',
  ].join('\n')
}

function row(name: string, runs: readonly Scored[]): string {
  const cells = GROUPS.map((group) => {
    const some = runs.filter((run) => run.group === group)
    return some.length === 0 ? '' : `${count(some, 'behind')} / ${count(some, 'open')} / ${some.length}`
  })
  const above = runs.filter((run) => run.group === 'above' && run.sustained_per_s !== null)
  const worst = Math.max(0, ...above.map((run) => Math.abs(errorOf(run) ?? 0)))
  const held = above.filter(
    ({ sustained_per_s: rate, capacity_per_s: c }) => rate !== null && rate.low <= c && c <= rate.high,
  )
  const error = above.length === 0 ? '' : `${(worst * 100).toFixed(1)} %`
  return `| ${[name, ...cells, error, above.length === 0 ? '' : `${held.length} of ${above.length}`].join(' | ')} |`
}

export function count(runs: readonly Scored[], answer: Scored['answer']): number {
  return runs.filter((run) => run.answer === answer).length
}
