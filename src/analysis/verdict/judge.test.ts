import { describe, expect, it } from 'vitest'
import { about, fine, track } from '../../../test/support/fine-run.ts'
import type { VerdictLine } from '../../trace/run-json.ts'
import type { TrackFigures } from '../machine.ts'
import type { Figures } from '../report.ts'
import { judge } from './judge.ts'

type Part = { [K in keyof Figures]?: Partial<Figures[K]> }
function judged(part: Part = {}) {
  const figures = { ...fine }
  for (const [key, value] of Object.entries(part))
    Object.assign(figures, { [key]: { ...(fine[key as keyof Figures] as object), ...value } })
  return judge(figures).verdict
}
const withTrack = (...tracks: TrackFigures[]) =>
  judged({
    machine: { tracks: [...fine.machine.tracks.filter((t) => !tracks.some((n) => n.name === t.name)), ...tracks] },
  })
const levelIn = (lines: VerdictLine[], what: string) => lines.find((line) => line.what === what)?.level

/** Events that a proxy hands on 16 at a time. */
const BURSTS = { coalesced_share: 1, burst_share: 0.94, burst_events: 16, burst_every_ms: 320, burst_late_ms: 1 }

describe('judge', () => {
  it('answers the five questions of a run in which nothing is wrong, all of them well', () => {
    expect(judged().map(({ level, what }) => `${level} ${what}`)).toEqual([
      'ok client',
      'ok network',
      'ok schedule',
      'ok same_host',
      'ok cache',
    ])
  })

  it('puts what spoils the run first, then what may', () => {
    const levels = judged({
      run: { insecure: true, same_host: null },
      stream: { buffered_share: 0.9 },
      offered: { warmup: 3 },
    }).map((line) => line.level)
    expect(levels.slice(0, 2)).toEqual(['bad', 'warn'])
    expect(levels.slice(2)).not.toContain('warn')
  })

  it.each([
    ['event_loop_delay_p99_ns', 4e6, 'ok'],
    ['event_loop_delay_p99_ns', 6e6, 'warn'],
    ['event_loop_delay_p99_ns', 25e6, 'bad'],
    ['event_loop_utilization_ratio', 0.85, 'warn'],
    ['event_loop_utilization_ratio', 0.99, 'bad'],
    ['thread_cpu_cores', 0.96, 'bad'],
    ['gc_pause_ns', 0.06e9, 'warn'],
    ['gc_pause_ns', 0.2e9, 'bad'],
    ['bytes_waiting', 60_000, 'ok'],
    ['bytes_waiting', 100_000, 'warn'],
    ['bytes_waiting', 2_000_000, 'bad'],
  ])('client: %s of %d is %s', (name, value, level) => {
    expect(levelIn(withTrack(track('client', name, value)), 'client')).toBe(level)
  })

  it('a late loop that is little against a long TTFT is no limit', () => {
    const tracks = [...fine.machine.tracks.slice(1), track('client', 'event_loop_delay_p99_ns', 25e6)]
    expect(levelIn(judged({ machine: { tracks } }), 'client')).toBe('bad')
    expect(levelIn(judged({ machine: { tracks }, latency: { ttft_ms: about(3000) } }), 'client')).toBe('ok')
  })

  it('never says that a client which was not measured is fine', () => {
    for (const gone of ['event_loop_delay_p99_ns', 'all'] as const) {
      const tracks = fine.machine.tracks.filter((t) => gone !== 'all' && t.name !== gone)
      const line = judged({ machine: { tracks } }).find(({ what }) => what === 'client')
      expect(line?.level).toBe('warn')
      expect(line?.text).toContain('was not measured')
    }
  })

  it.each<[string, Part, string, string | undefined]>([
    ['late stamps against short gaps', { stream: { late_p99_ms: 3 } }, 'stamps', 'warn'],
    ['stamps later than the gaps are long', { stream: { late_p99_ms: 12 } }, 'stamps', 'bad'],
    [
      'late stamps against long gaps',
      { stream: { late_p99_ms: 3 }, latency: { itl_ms: about(100) } },
      'stamps',
      undefined,
    ],
    ['long round trips', { latency: { connect_ms: about(40) } }, 'network', 'warn'],
    ['no connection seen', { latency: { connect_ms: null } }, 'network', 'note'],
    ['buffered streams', { stream: { buffered_share: 0.6 } }, 'network', 'bad'],
    ['coalesced events', { stream: { coalesced_share: 0.1 } }, 'coalesced', 'note'],
    ['half of the events coalesced', { stream: { coalesced_share: 0.5 } }, 'coalesced', 'warn'],
    ['bursts of 16 every 320 ms', { stream: BURSTS }, 'bursts', 'bad'],
    [
      'some bursts',
      { stream: { coalesced_share: 1, burst_share: 0.3, burst_events: 4, burst_every_ms: 80, burst_late_ms: 1 } },
      'bursts',
      'warn',
    ],
    ['bursts instead of coalesced events', { stream: BURSTS }, 'coalesced', undefined],
    [
      'two events a read',
      { stream: { coalesced_share: 1, burst_share: 0.5, burst_events: 2, burst_every_ms: 20, burst_late_ms: 1 } },
      'bursts',
      undefined,
    ],
    [
      'reads too close together to tell',
      { stream: { ...BURSTS, burst_every_ms: 1, burst_late_ms: 0.1 } },
      'bursts',
      undefined,
    ],
    [
      'a client that read too late to tell',
      { stream: { ...BURSTS, burst_every_ms: 20, burst_late_ms: 15 } },
      'bursts',
      undefined,
    ],
    [
      'a client that read a few events late',
      {
        stream: {
          ...BURSTS,
          late_p99_ms: 200,
        },
      },
      'bursts',
      'bad',
    ],
    [
      'a client that read too late, coalesced',
      { stream: { ...BURSTS, burst_every_ms: 20, burst_late_ms: 15 } },
      'coalesced',
      'warn',
    ],
    ['one empty answer', { answers: { empty: 1 } }, 'empty', 'warn'],
    ['many empty answers', { answers: { empty: 6 } }, 'empty', 'bad'],
    ['errors under HTTP 200', { answers: { errors_under_200: 1 } }, 'errors_under_200', 'warn'],
    ['text that was not read', { answers: { unread_events: 3, unread_requests: 1 } }, 'unread', 'warn'],
    ['streams that were not ended', { answers: { not_ended: 2 } }, 'not_ended', 'note'],
    ['late starts', { latency: { start_lag_ms: about(20) } }, 'schedule', 'warn'],
    ['very late starts', { latency: { start_lag_ms: about(80) } }, 'schedule', 'bad'],
    ['nothing sent', { latency: { start_lag_ms: null } }, 'schedule', 'note'],
    ['same host not known', { run: { same_host: null } }, 'same_host', 'note'],
    ['same host with room', { run: { same_host: true } }, 'same_host', 'note'],
    ['same host, not measured', { run: { same_host: true }, machine: { tracks: [] } }, 'same_host', 'warn'],
    ['cache not told', { tokens: { cached_share: null } }, 'cache', 'note'],
    ['some cached', { tokens: { cached_share: 0.05 } }, 'cache', 'note'],
    ['much cached', { tokens: { cached_share: 0.5 } }, 'cache', 'warn'],
    ['cached as planned', { tokens: { cached_share: 0.5, intended_cached_share: 0.5 } }, 'cache', 'ok'],
    ['rows lost', { run: { layers: { chunks: { rows: 1000, dropped: 1, lost: 0 } } } }, 'rows', 'warn'],
    ['many rows lost', { run: { layers: { chunks: { rows: 1000, dropped: 10, lost: 10 } } } }, 'rows', 'bad'],
    ['stopped early', { run: { ended_by: 'signal', planned_requests: 300 } }, 'stopped', 'warn'],
    ['recovered', { run: { ended_by: 'crash' } }, 'recovered', 'warn'],
    ['a closed loop', { run: { loop: 'closed' } }, 'schedule', 'note'],
    ['still recording', { run: { state: 'recording' } }, 'state', 'note'],
    ['counts that differ a little', { stream: { counts_differ: 3, drift_ratio: 0.001 } }, 'tokens', 'note'],
    ['counts that differ much', { stream: { counts_differ: 3, drift_ratio: -0.2 } }, 'tokens', 'warn'],
  ])('%s', (_, part, what, level) => {
    expect(levelIn(judged(part), what)).toBe(level)
  })

  it.each([
    ['cpu_steal_ratio', 0.02, 'steal', 'warn'],
    ['cpu_steal_ratio', 0.06, 'steal', 'bad'],
    ['cgroup_throttled_ns', 0.02e9, 'throttled', 'warn'],
    ['memory_available_bytes', 0.1e9, 'memory', 'warn'],
    ['memory_available_bytes', 4e9, 'memory', undefined],
    ['swap_out_bytes', 4096, 'swap', 'warn'],
    ['cpu_busy_ratio', 0.97, 'cpu', 'warn'],
  ])('host: %s of %d', (name, value, what, level) => {
    expect(levelIn(withTrack(track('host', name, value)), what)).toBe(level)
  })

  it('a queue wait of the client is its own; of the engine, not', () => {
    const waiting = (role: string) =>
      levelIn(withTrack(track('host', 'run_queue_wait_ns', 0.3e9, { role })), 'run_queue')
    expect([waiting('client'), waiting('engine')]).toEqual(['bad', undefined])
  })

  it('a busy machine that both share is said once', () => {
    const tracks = [...fine.machine.tracks, track('host', 'cpu_busy_ratio', 0.97)]
    const lines = judged({ run: { same_host: true }, machine: { tracks } })
    expect(levelIn(lines, 'same_host')).toBe('warn')
    expect(levelIn(lines, 'cpu')).toBeUndefined()
  })

  it('failures, cut requests and unsent ones are told apart', () => {
    const lines = judged({
      offered: {
        ok: 90,
        by_status: [
          { status: 'ok', phase: 'measured', requests: 90 },
          { status: 'http_error', phase: 'measured', requests: 6 },
          { status: 'interrupted', phase: 'measured', requests: 2 },
          { status: 'not_sent', phase: 'measured', requests: 2 },
          { status: 'http_error', phase: 'warmup', requests: 50 },
        ],
      },
    })
    expect(lines.find(({ what }) => what === 'failures')).toMatchObject({
      level: 'bad',
      text: expect.stringContaining('8 requests of 100'),
    })
    expect(levelIn(lines, 'interrupted')).toBe('note')
    expect(levelIn(lines, 'schedule')).toBe('warn')
  })
})
