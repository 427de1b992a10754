import { type RandomStream, randomStream } from '../../src/base/random-stream.ts'
import type { SqlValue } from '../../src/store/read/run-reader.ts'
import { parseArrivalProcess } from '../../src/workload/arrival-processes/arrival-processes.ts'
import type { Tables } from '../support/memory-run.ts'
import { type QueueServer, queueServer, type ServerRequest, type ServiceName } from './queue-server.ts'

export const ARRIVALS = ['poisson', 'gamma', 'burst', 'ramp'] as const
export const CLIENTS = ['plain', 'ceiling', 'late_sends', 'late_reads', 'users'] as const

/** One simulated run: who serves, how requests come, who sends them. */
export interface SimulatedCase {
  readonly seed: number
  readonly service: ServiceName
  readonly arrivals: (typeof ARRIVALS)[number]
  /**
   * `ceiling`: a limit on requests in flight; `late_sends`, `late_reads`: a client with less capacity than the server;
   * `users`: a closed loop, whose load is users over requests that the server works on at once.
   */
  readonly client: (typeof CLIENTS)[number]
  /** Requests offered a second, of the server's capacity: the mean; of a ramp, where it arrives after half of the time. */
  readonly load: number
  readonly requests: number
}

export interface SimulatedRun {
  readonly loop: 'open' | 'closed'
  readonly tables: Tables
  readonly capacity_per_s: number
  /** What really came to the server, of its capacity: a slow client sends less than was asked for. */
  readonly sent_load: number
}

/** What a client with too little CPU gets through, of the server's capacity. */
const SLOW_CLIENT = 0.75
/** A ceiling, of the requests that the server works on at once: above it, so that the server can still be saturated. */
const CEILING = 2

interface Request extends ServerRequest {
  readonly due_s: number
  /** When the client was ready to send it. */
  ready_s: number
}

/** The rows of a run against a server of known capacity. The same case gives the same rows on every machine. */
export function simulatedRun(given: SimulatedCase): SimulatedRun {
  const random = randomStream('simulated run', given.seed)
  // Half as many users as a server works on at once have to be users at once.
  const server = queueServer(given.service, random, given.client === 'users' ? 4 : 1)
  if (given.client === 'users') return closedLoop(given, server)
  const requests = arrivals(given, server.capacity_per_s, random).map((due_s): Request => {
    return { due_s, ready_s: due_s, sent_s: due_s, start_s: 0, first_s: 0, end_s: 0 }
  })
  if (given.client === 'late_sends') passThrough(requests, 'ready_s', 1 / (SLOW_CLIENT * server.capacity_per_s))
  serve(requests, server, given.client === 'ceiling' ? Math.ceil(CEILING * server.parallel) : Number.POSITIVE_INFINITY)
  const truthS = requests.map(({ sent_s, start_s, end_s }) => ({ sent_s, start_s, end_s }))
  const behind = given.client === 'late_reads' ? lateReads(requests, server.capacity_per_s) : []
  const last = requests.at(-1) as Request
  const sentPerS = (requests.length - 1) / (last.ready_s - (requests[0] as Request).ready_s)
  return {
    loop: 'open',
    tables: {
      requests: requests.map(row),
      ...together(
        clientSamples(behind, Math.max(...requests.map(({ end_s }) => end_s))),
        // Every other server tells of its queue.
        given.seed % 2 === 0 ? engineSamples(truthS) : {},
      ),
    },
    capacity_per_s: server.capacity_per_s,
    sent_load: given.client === 'late_sends' ? sentPerS / server.capacity_per_s : given.load,
  }
}

/** Users who ask again as soon as they are answered. */
function closedLoop({ load, requests: count }: SimulatedCase, server: QueueServer): SimulatedRun {
  const requests: Request[] = []
  const ask = (s: number) => {
    const request: Request = { due_s: s, ready_s: s, sent_s: s, start_s: 0, first_s: 0, end_s: 0 }
    requests.push(request)
    server.arrive(request)
  }
  for (let user = 0; user < Math.round(load * server.parallel); user++) ask(0)
  for (
    let ended = server.takeEnd(Number.POSITIVE_INFINITY);
    ended !== null;
    ended = server.takeEnd(Number.POSITIVE_INFINITY)
  ) {
    if (requests.length < count) ask(ended.end_s)
  }
  const untilS = Math.max(...requests.map(({ end_s }) => end_s))
  return {
    loop: 'closed',
    tables: { requests: requests.map(row), ...clientSamples([], untilS) },
    capacity_per_s: server.capacity_per_s,
    sent_load: load,
  }
}

/** Due times, s. Their rate is the one asked for, exactly: the draw decides when requests come, not how many a second. */
function arrivals({ arrivals: kind, load, requests }: SimulatedCase, capacity: number, random: RandomStream): number[] {
  const rate = load * capacity
  // Half of the time at half of the rate on average, then at the rate.
  const rampS = requests / rate / 1.5
  const next = parseArrivalProcess(
    {
      poisson: 'poisson',
      gamma: 'gamma:2',
      burst: `burst:${Math.max(2, Math.round(requests / 40))}`,
      ramp: `ramp:0,${rate},${rampS}s`,
    }[kind],
    kind === 'ramp' ? null : rate,
  ).start(random)
  const times = Array.from({ length: requests }, () => next() / 1e6)
  if (kind === 'ramp') return times
  const [first, last] = [times[0] as number, times.at(-1) as number]
  const scale = (requests - 1) / rate / (last - first)
  return times.map((t) => (t - first) * scale)
}

/** One thing after another, each of which takes so long. */
function passThrough(requests: readonly Request[], key: 'ready_s', eachS: number): void {
  let freeAt = 0
  for (const request of requests) {
    freeAt = Math.max(freeAt, request[key]) + eachS
    request[key] = freeAt
  }
}

/** Sends what is ready while there is room under the ceiling; what is held goes as soon as an answer ends. */
function serve(requests: readonly Request[], server: QueueServer, ceiling: number): void {
  const held: Request[] = []
  let inFlight = 0
  const send = (request: Request, at: number) => {
    request.sent_s = at
    inFlight++
    server.arrive(request)
  }
  const endsBy = (s: number) => {
    for (let ended = server.takeEnd(s); ended !== null; ended = server.takeEnd(s)) {
      inFlight--
      const next = held.shift()
      if (next !== undefined) send(next, ended.end_s)
    }
  }
  for (const request of requests) {
    endsBy(request.ready_s)
    if (inFlight < ceiling) send(request, request.ready_s)
    else held.push(request)
  }
  endsBy(Number.POSITIVE_INFINITY)
}

/** A client that handles answers more slowly than the server gives them stamps them late: when, and how late. */
function lateReads(requests: readonly Request[], capacity: number): { at_s: number; late_s: number }[] {
  const eachS = 1 / (SLOW_CLIENT * capacity)
  let freeAt = 0
  return requests
    .toSorted((a, b) => a.end_s - b.end_s)
    .map((request) => {
      freeAt = Math.max(freeAt, request.end_s) + eachS
      const late_s = freeAt - request.end_s
      request.first_s += late_s
      request.end_s = freeAt
      return { at_s: freeAt, late_s }
    })
}

function row(request: Request, id: number): Record<string, SqlValue> {
  const { due_s, ready_s, sent_s, first_s, end_s } = request
  return {
    request_id: id,
    status: 'ok',
    scheduled_ns: due_s * 1e9,
    sent_ns: sent_s * 1e9,
    held_ns: sent_s > ready_s ? (sent_s - ready_s) * 1e9 : null,
    first_token_ns: first_s * 1e9,
    last_token_ns: end_s * 1e9,
    end_ns: end_s * 1e9,
    output_tokens: 2,
  }
}

/** The client's watch of itself: how late its event loop was, and how busy. */
function clientSamples(behind: readonly { at_s: number; late_s: number }[], untilS: number): Tables {
  const windows = Array.from({ length: 20 }, (_, i) => ((i + 1) * untilS) / 20)
  const lateBy = (s: number) =>
    Math.max(
      0.2e-3,
      ...behind
        .filter(({ at_s }) => at_s <= s)
        .slice(-1)
        .map((b) => b.late_s),
    )
  const track = (track_id: number, name: string) => ({ track_id, layer: 'client', name, host: null })
  return {
    tracks: [track(1, 'event_loop_delay_p99_ns'), track(2, 'event_loop_utilization_ratio')],
    counters: windows.flatMap((s) => [
      { track_id: 1, t_ns: s * 1e9, value: lateBy(s) * 1e9 },
      { track_id: 2, t_ns: s * 1e9, value: lateBy(s) > 1e-3 ? 1 : 0.1 },
    ]),
  }
}

/** What the engine's page of metrics would say, so many times in a run. */
const PAGES = 300

function engineSamples(requests: readonly Pick<ServerRequest, 'sent_s' | 'start_s' | 'end_s'>[]): Tables {
  const untilS = Math.max(...requests.map(({ end_s }) => end_s))
  const pages = Array.from({ length: PAGES }, (_, i) => ((i + 1) * untilS) / PAGES)
  const track = (track_id: number, name: string) => ({ track_id, layer: 'engine', name })
  return {
    tracks: [track(3, 'num_requests_waiting'), track(4, 'num_requests_running')],
    counters: pages.flatMap((s) => [
      {
        track_id: 3,
        t_ns: s * 1e9,
        value: requests.filter(({ sent_s, start_s }) => sent_s <= s && start_s > s).length,
      },
      { track_id: 4, t_ns: s * 1e9, value: requests.filter(({ start_s, end_s }) => start_s <= s && end_s > s).length },
    ]),
  }
}

function together(a: Tables, b: Tables): Tables {
  return {
    tracks: [...(a.tracks ?? []), ...(b.tracks ?? [])],
    counters: [...(a.counters ?? []), ...(b.counters ?? [])],
  }
}
