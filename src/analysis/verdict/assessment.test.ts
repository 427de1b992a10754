import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { about, fine, track } from '../../../test/support/fine-run.ts'
import type { Backlog } from '../backlog/backlog.ts'
import type { Figures } from '../report.ts'
import { assess } from './assessment.ts'
import { judge } from './judge.ts'

const BACKLOG: Backlog = {
  state: 'overloaded',
  loop: 'open',
  ready_per_s: 6,
  offering_s: 30,
  sustained_per_s: { value: 2, low: 1.9, high: 2.1 },
  since_s: 1,
  backlog: 118,
  grown_share: 0.66,
  usual_backlog: 4,
  drain_s: 59,
  unqueued_s: 0.5,
  ttft_ms: { first: 700, last: 55_000 },
  waiting_share: 0.9,
  engine: null,
}

type Change = { [K in keyof Figures]?: Partial<Figures[K]> }
function changed(...changes: readonly Change[]): Figures {
  const figures = { ...fine, run: { ...fine.run, loop: 'open' as const, same_host: true } }
  for (const change of changes)
    for (const [key, value] of Object.entries(change))
      Object.assign(figures, {
        [key]: Array.isArray(value) ? value : { ...(figures[key as keyof Figures] as object), ...(value as object) },
      })
  return figures
}

/** A run whose tracks of these names have these values. */
const withTracks = (values: Readonly<Record<string, number>>): Change => ({
  machine: {
    tracks: [
      ...fine.machine.tracks.filter(({ name }) => !(name in values)),
      ...Object.entries(values).map(([name, value]) =>
        track(/^(event_loop|thread|gc|bytes)/.test(name) ? 'client' : 'host', name, value, {
          role: name === 'run_queue_wait_ns' ? 'client' : null,
        }),
      ),
    ],
  },
})

/** A server whose thread was without a CPU for this share of its time, as the kernel's layer saw it. */
const withThread = (waiting: number): Change => ({
  os: {
    source: 'bpftrace',
    not_seen: [],
    missing: [],
    cold_starts: [],
    threads: [
      {
        process: '7 python3',
        thread: '8 python3',
        on_cpu_s: 2,
        on_cpu_share: 1 - waiting,
        blocked_share: 0,
        waiting_share: waiting,
        preempted_s: null,
        context_switches: null,
        migrations: null,
      },
    ],
    more_threads: 0,
    processes: [],
    forwards: null,
    cuda: [],
    syscalls: [],
    block_read_bytes: null,
    gaps: [],
  },
})

const levelOf = (figures: Figures, what: string) => judge(figures).verdict.find((line) => line.what === what)?.level

describe('one assessment each', () => {
  it('late token timestamps and a wait for CPUs never stand beside a client that did not limit the run', () => {
    const figures = changed({ stream: { late_p99_ms: 199 } }, withTracks({ run_queue_wait_ns: 0.3e9 }))
    expect(judge(figures).assessments?.client).toEqual({
      state: 'limits',
      evidence: ['stamps', 'run_queue', 'same_host'],
    })
    expect(levelOf(figures, 'client')).toBe('bad')
    expect(levelOf(figures, 'same_host')).toBe('warn')
  })

  it('threads that the kernel saw waiting for a CPU never stand beside a client that did not limit the run', () => {
    const figures = changed(withThread(0.3))
    expect(judge(figures).assessments?.client).toEqual({ state: 'may_limit', evidence: ['os_run_queue'] })
    expect(levelOf(figures, 'client')).toBe('warn')
    expect(levelOf(figures, 'os_run_queue')).toBe('warn')
    expect(levelOf(changed(withThread(0.1)), 'client')).toBe('ok')
    // A program that was observed alone has no client.
    const alone = changed(withThread(0.3), { run: { command: 'os' }, offered: { requests: 0 } })
    expect(judge(alone).verdict.map(({ what, level }) => [what, level])).toContainEqual(['os_run_queue', 'note'])
  })

  it('an overloaded server is the worst there is, unless the client itself was late', () => {
    const figures = changed({ backlog: BACKLOG })
    expect(judge(figures).assessments?.server).toEqual({ state: 'limits', evidence: ['server'] })
    expect(levelOf(figures, 'server')).toBe('bad')
    const slow = changed({ backlog: BACKLOG }, withTracks({ event_loop_delay_p99_ns: 40e9 }))
    expect(judge(slow).assessments).toMatchObject({ client: { state: 'limits' }, server: { state: 'unknown' } })
    expect(levelOf(slow, 'server')).toBe('note')
  })

  it('a client that waited for CPUs and stamped in time does not hide an overloaded server', () => {
    const figures = changed({ backlog: BACKLOG }, withTracks({ run_queue_wait_ns: 0.3e9 }))
    expect(judge(figures).assessments).toMatchObject({ client: { state: 'limits' }, server: { state: 'limits' } })
  })

  it('a ceiling under which nothing waits at the server leaves open what the server sustains', () => {
    const held = { offered: { held: { requests: 60, max_ms: 900 } } }
    expect(levelOf(changed({ backlog: { ...BACKLOG, waiting_share: 0.01 } }, held), 'server')).toBe('note')
    expect(levelOf(changed({ backlog: { ...BACKLOG, waiting_share: 0.6 } }, held), 'server')).toBe('bad')
  })

  it.each([
    ['kept_up', 'ok', 'fine'],
    ['undecided', 'note', 'unknown'],
    ['saturated', 'warn', 'may_limit'],
  ] as const)('%s is %s', (state, level, assessed) => {
    const figures = changed({ backlog: { ...BACKLOG, state } })
    expect(levelOf(figures, 'server')).toBe(level)
    expect(judge(figures).assessments?.server.state).toBe(assessed)
  })

  it('praises no server that refused requests, or failed many', () => {
    const kept = { backlog: { ...BACKLOG, state: 'kept_up' as const } }
    expect(levelOf(changed(kept, { offered: { refused_busy: 3 } }), 'server')).toBeUndefined()
    expect(levelOf(changed(kept, { offered: { ok: 80 } }), 'server')).toBeUndefined()
  })
})

/** What speaks against the client or its machine, whatever level it has. */
const AGAINST_CLIENT = [
  'stamps',
  'run_queue',
  'schedule',
  'steal',
  'throttled',
  'cpu',
  'ports',
  'workers',
  'os_run_queue',
]

it('no evidence, however it is drawn, yields lines that contradict each other', () => {
  const ns = fc.double({ min: 0, max: 1e9, noNaN: true })
  const ratio = fc.double({ min: 0, max: 1, noNaN: true })
  const evidence = fc.record({
    tracks: fc.record(
      {
        event_loop_delay_p99_ns: ns,
        event_loop_utilization_ratio: ratio,
        thread_cpu_cores: ratio,
        gc_pause_ns: ns,
        run_queue_wait_ns: ns,
        cpu_busy_ratio: ratio,
        cpu_steal_ratio: ratio,
        cgroup_throttled_ns: ns,
      },
      { requiredKeys: [] },
    ),
    late: fc.option(fc.double({ min: 0, max: 500, noNaN: true })),
    lag: fc.double({ min: 0, max: 500, noNaN: true }),
    lost: fc.constantFrom(0, 0, 1),
    same: fc.constantFrom(true, false, null),
    state: fc.constantFrom('kept_up', 'overloaded', 'saturated', 'undecided', null),
    waiting: ratio,
    held: fc.constantFrom(0, 50),
    refused: fc.constantFrom(0, 5),
    ok: fc.constantFrom(100, 98, 50),
    broken: fc.constantFrom(0, 10),
    measured: fc.boolean(),
    thread: fc.option(ratio),
  })
  fc.assert(
    fc.property(evidence, (e) => {
      const figures = changed(
        e.measured ? withTracks(e.tracks as Record<string, number>) : { machine: { tracks: [] } },
        { run: { same_host: e.same } },
        e.thread === null ? {} : withThread(e.thread),
        { stream: { late_p99_ms: e.late, late_max_ms: e.late } },
        { latency: { start_lag_ms: about(e.lag) } },
        { offered: { held: { requests: e.held, max_ms: e.held === 0 ? null : 9 }, refused_busy: e.refused, ok: e.ok } },
        {
          offered: {
            by_status: [
              { status: 'ok', phase: 'measured', requests: e.ok },
              { status: 'reset', phase: 'measured', requests: e.broken },
            ],
          },
        },
        e.state === null
          ? {}
          : { backlog: { ...BACKLOG, state: e.state as Backlog['state'], waiting_share: e.waiting } },
      )
      const lines = judge(figures).verdict
      const { client, server, network } = assess(figures)
      const against = (what: string) => lines.filter((line) => line.what === what && /bad|warn/.test(line.level))
      const praised = (what: string) => lines.some((line) => line.what === what && line.level === 'ok')
      // One line of each of the three at most, and its level is the one that the assessment gives.
      for (const what of ['server', 'same_host'])
        expect(lines.filter((line) => line.what === what).length).toBeLessThan(2)
      // The verdict contains no praise while anything in it is negative.
      if (praised('client')) expect(AGAINST_CLIENT.flatMap(against)).toEqual([])
      expect(praised('client')).toBe(client.state === 'fine')
      if (praised('server')) expect([...against('full'), ...against('server')]).toEqual([])
      if (praised('network')) expect(network.state).toBe('fine')
      // All evidence of an assessment is in the verdict, the worst of it as the state says.
      for (const each of [client, server, network]) {
        const levels = each.evidence.flatMap(against).map(({ level }) => level)
        expect(levels.includes('bad')).toBe(each.state === 'limits')
        expect(each.evidence.length > 0).toBe(each.state === 'limits' || each.state === 'may_limit')
      }
      // A machine that client and server share is not called sufficient if the client waited for a CPU.
      const room = lines.find(({ what }) => what === 'same_host')
      if (e.same === true && against('run_queue').length > 0) expect(room?.level).toBe('warn')
      // A client whose delay is far shorter than the queue did not cause the queue: the server is overloaded as well.
      const found = e.state === 'overloaded' && e.measured && (e.held === 0 || e.waiting >= 0.15)
      if (found) expect(against('server').map(({ level }) => level)).toEqual(['bad'])
    }),
    { numRuns: 500, seed: 7 },
  )
})
