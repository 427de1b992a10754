import type { RunReader } from '../../store/read/run-reader.ts'
import { E2E_NS, MEASURED, TTFT_NS } from '../populations.ts'
import type { Offered } from '../requests/offered.ts'
import { countOf, numberOf, oneRow } from '../rows.ts'
import { type Flow, readFlow } from './flow.ts'
import { type BacklogState, judgeBacklog } from './judge-backlog.ts'
import { judgeClosedLoop } from './judge-closed-loop.ts'

/** Whether the server did what it was asked for, by the requests that should have been answered and were not. */
export interface Backlog {
  /** Of a closed loop `saturated` stands for `overloaded`: more users would wait longer and get no more answers. */
  state: BacklogState | 'saturated'
  loop: 'open' | 'closed'
  /** Requests a second that were ready to be sent, over the offering; null in a closed loop. */
  ready_per_s: number | null
  offering_s: number
  /** Answers a second that the server sustained, with a 95 % interval: while it was behind; null where it never was. */
  sustained_per_s: { value: number; low: number; high: number } | null
  /** Since when it was behind, s since the first request was ready; null where it was not, and in a closed loop. */
  since_s: number | null
  /** Requests behind at the end of the offering; null in a closed loop. */
  backlog: number | null
  /** The share of what was offered that added to the backlog, of the window in which it was the most; null in a closed loop. */
  grown_share: number | null
  /** The longest queue that a server at 80 % of its capacity would show, but for once in a hundred. */
  usual_backlog: number | null
  /** From the end of the offering until the last had left, less what an answer takes, s. */
  drain_s: number | null
  /** What an answer takes when nothing queues, s. */
  unqueued_s: number | null
  /** Median TTFT from when a request was ready: of the first and the last tenth of the offering. */
  ttft_ms: { first: number | null; last: number | null }
  /** The least share of the requests' time after sending that was waiting: TTFT beyond that of a prompt as long that did not wait. */
  waiting_share: number | null
  /** The engine's own queue, where it reports it: means over the first and the last fifth of the offering. */
  engine: { waiting_first: number | null; waiting_last: number; running_last: number | null } | null
}

/**
 * Null while a run is recorded (requests in flight have no row yet), of one request at a time, and where there is too little
 * to judge.
 */
export async function backlogFigures(reader: RunReader, concurrency: Offered['concurrency']): Promise<Backlog | null> {
  const { loop, state } = reader.run
  if (loop === null || state === 'recording' || concurrency === null || concurrency.max < 2) return null
  const flow = await readFlow(reader)
  if (flow === null) return null
  const common = {
    loop,
    offering_s: flow.offering_s,
    unqueued_s: flow.unqueued_s,
    ttft_ms: { ...flow.ttft_ms },
    waiting_share: await waitingShare(reader),
    engine: await engineQueue(reader, flow),
  }
  if (loop === 'closed') {
    const judged = judgeClosedLoop({ ...common, requests: flow.requests, in_flight: concurrency.mean })
    if (judged === null) return null
    const none = {
      ready_per_s: null,
      since_s: null,
      backlog: null,
      grown_share: null,
      usual_backlog: null,
      drain_s: null,
    }
    return { state: judged, sustained_per_s: null, ...none, ...common }
  }
  const judged = judgeBacklog(flow, common.engine)
  if (judged === null) return null
  return {
    state: judged.state,
    ready_per_s: (flow.requests - 1) / flow.offering_s,
    sustained_per_s: judged.sustained_per_s,
    since_s: judged.since_s,
    backlog: judged.requests,
    grown_share: judged.grown_share,
    usual_backlog: judged.usual_requests,
    drain_s: judged.drain_s,
    ...common,
  }
}

/**
 * A request waited at least as long as its TTFT exceeds that of any request whose prompt was as long or longer: a bound from
 * below that needs no model of prefill. As a share of the time from sending to the end, over all.
 */
async function waitingShare(reader: RunReader): Promise<number | null> {
  const row = await oneRow(
    reader,
    `SELECT sum(ttft - least) / nullif(sum(e2e), 0) AS share FROM (
      SELECT ${TTFT_NS} AS ttft, ${E2E_NS} AS e2e, min(${TTFT_NS}) OVER (
        ORDER BY coalesce(input_tokens, 0) DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS least
      FROM ${MEASURED} WHERE status = 'ok' AND first_token_ns IS NOT NULL AND sent_ns IS NOT NULL AND end_ns IS NOT NULL)`,
  )
  return numberOf(row, 'share')
}

async function engineQueue(reader: RunReader, flow: Flow): Promise<Backlog['engine']> {
  const { first_ns: first, offering_s: offering } = flow
  const within = (from: number, to: number) =>
    `t_ns BETWEEN ${first + from * offering * 1e9} AND ${first + to * offering * 1e9}`
  const row = await oneRow(
    reader,
    `WITH sampled AS (SELECT t.name, c.t_ns, sum(c.value) AS value FROM counters c JOIN tracks t USING (track_id)
      WHERE t.layer = 'engine' AND t.name IN ('num_requests_waiting', 'num_requests_running') AND c.value IS NOT NULL GROUP BY ALL)
    SELECT count(*) AS n, avg(value) FILTER (name = 'num_requests_waiting' AND ${within(0, 0.2)}) AS waiting_first,
      avg(value) FILTER (name = 'num_requests_waiting' AND ${within(0.8, 1)}) AS waiting_last,
      avg(value) FILTER (name = 'num_requests_running' AND ${within(0.8, 1)}) AS running_last FROM sampled`,
  )
  const last = numberOf(row, 'waiting_last')
  if (countOf(row, 'n') === 0 || last === null) return null
  return {
    waiting_first: numberOf(row, 'waiting_first'),
    waiting_last: last,
    running_last: numberOf(row, 'running_last'),
  }
}
