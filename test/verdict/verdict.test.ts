import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { randomStream } from '../../src/base/random-stream.ts'
import { closedCases, openCases } from './cases.ts'
import { queueServer, SERVICES, type ServerRequest } from './queue-server.ts'
import { errorOf, type Scored, scored } from './score.ts'
import { simulatedRun } from './simulated-run.ts'
import { count, readVerdictRuns } from './tables.ts'

function expectRight(runs: readonly Scored[]): void {
  const below = runs.filter(({ group }) => group === 'below')
  const above = runs.filter(({ group }) => group === 'above')
  expect(count(below, 'behind')).toBeLessThanOrEqual(0.02 * below.length)
  expect(count(above, 'behind')).toBeGreaterThanOrEqual(0.95 * above.length)
}

describe('the verdict about the server', () => {
  it('is right about servers of known capacity', async () => {
    const runs: Scored[] = []
    for (const each of openCases({ below: 12, between: 0, above: 12 }, 400)) runs.push(await scored(each))
    expectRight(runs)
    const errors = runs.flatMap((run) => errorOf(run) ?? [])
    expect(errors.length).toBeGreaterThanOrEqual(11)
    // Of 400 requests with exponential service times the rate itself varies by 5 %.
    expect(errors.filter((error) => Math.abs(error) > 0.15)).toEqual([])
  })

  it('calls a closed loop saturated where users wait, and not where none does', async () => {
    const runs: Scored[] = []
    for (const each of closedCases({ below: 6, between: 0, above: 6 }, 800)) runs.push(await scored(each))
    expectRight(runs)
  })

  it('keeps its word in the runs of docs/verdict.md', () => {
    const { open, closed } = readVerdictRuns(join(import.meta.dirname, '..', '..', 'docs', 'verdict-runs.jsonl'))
    expect(open).toHaveLength(200)
    expectRight(open)
    expectRight(closed)
    const errors = open.filter(({ group }) => group === 'above').flatMap((run) => errorOf(run) ?? [])
    expect(errors.filter((error) => Math.abs(error) > 0.1)).toEqual([])
  })
})

describe('the simulated servers', () => {
  it.each(SERVICES)('%s answers at its capacity while it has work', (service) => {
    for (let seed = 0; seed < 5; seed++) {
      const server = queueServer(service, randomStream('capacity', seed))
      const requests = Array.from(
        { length: 6000 },
        (): ServerRequest => ({ sent_s: 0, start_s: 0, first_s: 0, end_s: 0 }),
      )
      for (const request of requests) server.arrive(request)
      while (server.takeEnd(Number.POSITIVE_INFINITY) !== null);
      const ends = requests.map(({ end_s }) => end_s).sort((a, b) => a - b)
      // From the first tenth to the last: without start and drain.
      const rate = (0.8 * ends.length) / ((ends[5399] as number) - (ends[599] as number))
      expect(rate / server.capacity_per_s).toBeGreaterThan(0.95)
      expect(rate / server.capacity_per_s).toBeLessThan(1.05)
    }
  })

  it('the same seed gives the same rows, and the load that was asked for', () => {
    const given = { seed: 3, service: 'mmc', arrivals: 'gamma', client: 'plain', load: 1.3, requests: 200 } as const
    const run = simulatedRun(given)
    expect(simulatedRun(given)).toEqual(run)
    const due = (run.tables.requests ?? []).map(({ scheduled_ns }) => Number(scheduled_ns) / 1e9)
    expect(199 / ((due.at(-1) as number) - (due[0] as number))).toBeCloseTo(1.3 * run.capacity_per_s, 9)
  })
})
