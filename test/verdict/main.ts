import { writeFileSync } from 'node:fs'
import { closedCases, openCases } from './cases.ts'
import { errorOf, type Scored, scored } from './score.ts'
import { count, type VerdictRuns } from './tables.ts'

/** A rate of exponential service times is known to 2 % by so many. */
const REQUESTS = 2000

/** Simulates the runs, judges each as `report` does, and writes the answers; progress on standard error. */
async function main([file]: string[]): Promise<void> {
  if (file === undefined) throw new Error('usage: main.js FILE.jsonl')
  const cases = openCases({ below: 80, between: 40, above: 80 }, REQUESTS)
  const closed = closedCases({ below: 18, between: 12, above: 18 }, REQUESTS)
  const all: Scored[] = []
  for (const each of [...cases, ...closed]) {
    all.push(await scored(each))
    process.stderr.write(`\r${all.length} of ${cases.length + closed.length} runs`)
  }
  process.stderr.write('\n')
  const runs: VerdictRuns = { requests: REQUESTS, open: all.slice(0, cases.length), closed: all.slice(cases.length) }
  writeFileSync(file, text(runs))
  for (const run of all) {
    const wrong =
      (run.group === 'below' && run.answer === 'behind') ||
      (run.group === 'above' && run.answer !== 'behind') ||
      Math.abs(errorOf(run) ?? 0) > 0.1
    if (wrong) process.stdout.write(`${JSON.stringify(run)}\n`)
  }
  const below = runs.open.filter(({ group }) => group === 'below')
  const above = runs.open.filter(({ group }) => group === 'above')
  process.stdout.write(
    `false alarms ${count(below, 'behind')} of ${below.length}, found ${count(above, 'behind')} of ${above.length}\n`,
  )
}

/** A line for each run, six digits: the same file from every machine. */
function text({ open, closed }: VerdictRuns): string {
  const short = (_: string, each: unknown) => (typeof each === 'number' ? Number(each.toPrecision(6)) : each)
  return [...open, ...closed].map((run) => `${JSON.stringify(run, short)}\n`).join('')
}

await main(process.argv.slice(2))
