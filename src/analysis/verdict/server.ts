import type { VerdictLine } from '../../trace/run-json.ts'
import type { Backlog } from '../backlog/backlog.ts'
import { duration, many, percent, threeDigits, wholeNumber } from '../quantity.ts'
import type { Figures } from '../report.ts'
import { type Assessed, type AssessedState, assessed } from './assessed.ts'
import { serverFull } from './offering.ts'
import { failedRequests } from './outcome.ts'
import { tracksNamed, worst } from './rule.ts'

/** Behind a ceiling on requests in flight, a server that lets requests wait this share of their time is the slower of the two. */
const WAITS_AT_SERVER = 0.15

/**
 * The server by its backlog, and by what it refused. A client that limited the run itself leaves the question open: its late
 * reads look like a backlog.
 */
export function serverEvidence(figures: Figures, client: AssessedState): Assessed {
  const full = serverFull(figures)
  const line = figures.backlog === null ? null : backlogLine(figures, figures.backlog, client)
  const lines = [full, line].filter((each) => each !== null)
  return assessed(lines, line?.level === 'ok' ? 'fine' : 'unknown')
}

/** The line about the backlog; what the server refused has a line of its own. */
export function serverLines({ lines }: Assessed): VerdictLine[] {
  return lines.filter(({ what }) => what === 'server')
}

function backlogLine(figures: Figures, backlog: Backlog, client: AssessedState): VerdictLine | null {
  const note = (text: string): VerdictLine => ({ level: 'note', what: 'server', text })
  const { state } = backlog
  const behind = state === 'overloaded' || state === 'saturated'
  if (behind && client === 'limits' && clientExplains(figures, backlog)) {
    return note(
      'Not known whether the server kept up: answers fell behind, but the client that read them was itself late',
    )
  }
  if (state === 'overloaded') return heldOnly(figures, backlog) ?? overloaded(figures, backlog)
  if (state === 'saturated') return saturated(figures, backlog)
  if (state === 'undecided') return note(`Not known whether the server kept up: ${undecided(backlog)}`)
  // Requests that the server refused or failed did not queue: no backlog, but no praise either.
  if (serverFull(figures) !== null || failedRequests(figures)?.level === 'bad') return null
  const text =
    backlog.loop === 'closed'
      ? `The server was not saturated: ${waited(backlog)}`
      : `The server kept up: offered ${perSecond(backlog.ready_per_s)}, ${many('request', Math.round(backlog.backlog ?? 0))} behind at the end`
  return { level: 'ok', what: 'server', text }
}

/** A client that is late by this share of what TTFT grew by may have made the backlog itself, by reading late. */
const LATE_OF_GROWTH = 0.2

/** Whether the client was late enough for it; a client that waited for CPUs and stamped in time anyway was not. */
function clientExplains(figures: Figures, { ttft_ms: ttft }: Backlog): boolean {
  const loopNs = worst(tracksNamed(figures, 'client', 'event_loop_delay_p99_ns'), 'max')
  const lateMs = Math.max((loopNs ?? 0) / 1e6, figures.stream.late_p99_ms ?? figures.stream.late_max_ms ?? 0)
  if (loopNs === null || ttft.first === null || ttft.last === null) return true
  return lateMs >= LATE_OF_GROWTH * (ttft.last - ttft.first)
}

function overloaded({ offered }: Figures, backlog: Backlog): VerdictLine {
  const { ready_per_s: rate, sustained_per_s: done, since_s: since, ttft_ms: ttft, engine, drain_s: drain } = backlog
  const sustained =
    done === null
      ? ''
      : `, sustained ${threeDigits(done.value)}/s (${threeDigits(done.low)} to ${threeDigits(done.high)})`
  const from = since === null ? '' : ` from ${duration(since * 1e3)} on`
  const grown =
    ttft.first === null || ttft.last === null || ttft.last <= ttft.first
      ? ''
      : `; TTFT grew from ${duration(ttft.first)} to ${duration(ttft.last)} (medians of the first and the last tenth)`
  const held = offered.held.requests === 0 ? '' : `, held back by the ceiling or in flight`
  const own = engine === null ? '' : `; the engine's own queue held ${threeDigits(engine.waiting_last)}`
  const left = drain === null || drain < 1 ? '' : `; answering the rest took ${duration(drain * 1e3)} more`
  const text = `The server limited this run: offered ${perSecond(rate)}${sustained}${from}; ${many('request', Math.round(backlog.backlog ?? 0))} were behind at the end${held}${grown}${own}${left}. Latencies are those of a queue that grows with the length of the run`
  return { level: 'bad', what: 'server', text }
}

/**
 * With a limit on requests in flight under which nothing waits at the server, a higher limit might have given more
 * throughput.
 */
function heldOnly(
  { run, offered }: Figures,
  { waiting_share: share, engine, sustained_per_s: done }: Backlog,
): VerdictLine | null {
  if (offered.held.requests === 0 || (engine?.waiting_last ?? 0) >= 1 || share === null || share >= WAITS_AT_SERVER)
    return null
  const ceiling = run.plan?.max_in_flight ?? null
  const rate = done === null ? '' : ` it answered ${threeDigits(done.value)}/s and`
  const text = `Not known what the server sustains: under the ceiling${ceiling === null ? '' : ` of ${wholeNumber(ceiling)} requests in flight`}${rate} hardly any request waited there; a higher ceiling may bring more`
  return { level: 'note', what: 'server', text }
}

function saturated({ offered }: Figures, backlog: Backlog): VerdictLine {
  const rate = offered.achieved_per_s === null ? '' : ` at ${threeDigits(offered.achieved_per_s)}/s`
  const text = `The server was saturated${rate}: ${waited(backlog)}; more users would wait longer and get no more answers`
  return { level: 'warn', what: 'server', text }
}

function waited({ waiting_share: share, engine }: Backlog): string {
  if (engine !== null) return `the engine's own queue held ${threeDigits(engine.waiting_last)} of them`
  return share === null ? 'no queue was seen' : `requests waited for ${percent(share)} of their time`
}

function undecided(backlog: Backlog): string {
  const { loop, unqueued_s: unqueued, offering_s: offering, backlog: behind, usual_backlog: usual } = backlog
  if (loop === 'closed') return waited(backlog)
  if (unqueued !== null && offering < 3 * unqueued) {
    return `requests were offered for ${duration(offering * 1e3)} and an answer takes ${duration(unqueued * 1e3)}; offer them for longer`
  }
  return `${many('request', Math.round(behind ?? 0))} were behind at the end, and bursts can leave ${wholeNumber(usual ?? 0)}; a longer run decides`
}

function perSecond(rate: number | null): string {
  return rate === null ? 'nothing' : `${threeDigits(rate)}/s`
}
