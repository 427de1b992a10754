import { expect, it } from 'vitest'
import { fine, track } from '../../../test/support/fine-run.ts'
import type { RunPlan } from '../../trace/run-json.ts'
import type { Figures } from '../report.ts'
import type { Failures } from '../requests/failures.ts'
import { judge } from './judge.ts'

const PLAN: RunPlan = {
  ...{ schedule: null, prompts: null, counts: {}, speedup: 1, max_in_flight: 64, pacing: 'thread' },
  ...{ pacing_cpu_s: null, dependency: 'causal', retries: 0, workers: 4, workers_lost: 0 },
  ...{ resumed_from: null, first_request: 0, offered_before: [] },
}

function line(
  what: string,
  change: { offered?: Partial<Figures['offered']>; plan?: Partial<RunPlan>; failures?: Failures },
) {
  const figures: Figures = {
    ...fine,
    run: { ...fine.run, loop: 'open', plan: { ...PLAN, ...change.plan } },
    offered: { ...fine.offered, ...change.offered },
    failures: change.failures ?? fine.failures,
  }
  return judge(figures).verdict.find((each) => each.what === what)
}

const failing = (error: string): Failures => ({
  requests: 3,
  more_kinds: 0,
  kinds: [
    { status: 'connect_error', http_status: null, error, example: error, requests: 3, first_at_s: 1, request_id: 5 },
  ],
})

it('names the ceiling that held requests back, from one in a hundred on', () => {
  expect(line('ceiling', { offered: { held: { requests: 0, max_ms: null } } })).toBeUndefined()
  expect(line('ceiling', { offered: { held: { requests: 1, max_ms: 3 } } })?.level).toBe('warn')
  const much = line('ceiling', { offered: { held: { requests: 60, max_ms: 1500 } } })
  expect(much?.level).toBe('bad')
  expect(much?.text).toContain('ceiling of 64 requests')
  expect(much?.text).toContain('60 requests (60 %)')
})

it('names what the client ran out of, by the words of the errors', () => {
  const ports = 'N.N.N.N:N: no local address or port is left to connect from (EADDRNOTAVAIL)'
  expect(line('ports', { failures: failing(ports) })).toMatchObject({
    level: 'bad',
    text: expect.stringContaining('local ports'),
  })
  const files = 'N.N.N.N:N: too many open files: raise `ulimit -n` (EMFILE)'
  expect(line('ports', { failures: failing(files) })?.text).toContain('file descriptors')
  expect(
    line('ports', { failures: failing('connection refused: nothing listens there (ECONNREFUSED)') }),
  ).toBeUndefined()
})

it('tells a full server, lost workers and what the schedule left out', () => {
  expect(line('full', { offered: { refused_busy: 4, retries: 1 } })?.text).toContain(
    '4 requests refused as full (429 or 503); 1 retry after it was full',
  )
  expect(line('workers', { plan: { workers_lost: 1 } })?.text).toContain('1 of 4 workers died')
  expect(line('schedule', { plan: { counts: { overlong_skipped: 12, failed_in_trace: 0 } } })).toBeDefined()
})

it('a loop that spins on purpose is busy and no limit', () => {
  const busy = [
    ...fine.machine.tracks.filter(({ name }) => name !== 'event_loop_utilization_ratio'),
    track('client', 'event_loop_utilization_ratio', 1),
  ]
  const judged = (pacing: RunPlan['pacing']) =>
    judge({
      ...fine,
      run: { ...fine.run, plan: { ...PLAN, pacing } },
      machine: { ...fine.machine, tracks: busy },
    }).verdict.find(({ what }) => what === 'client')?.level
  expect([judged('thread'), judged('precise')]).toEqual(['bad', 'ok'])
})
