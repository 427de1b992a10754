import type { VerdictLine } from '../../trace/run-json.ts'
import { bytes, duration, percent } from '../quantity.ts'
import type { Figures } from '../report.ts'
import type { Assessed } from './assessed.ts'
import { busyMachine, runQueue, stolenTime, throttledTime } from './machine-rules.ts'
import { lostWorkers, portsGone } from './offering.ts'
import { waitingThread } from './os.ts'
import { type Limits, levelOf, milder, type Rule, shareOfSpan, tracksNamed, typicalMs, worst } from './rule.ts'
import { machineBusy, sameHost } from './same-host.ts'
import { startLag, unsentRequests } from './schedule.ts'

/** Event loop delay shifts a first token's stamp by as much: from these delays on that matters. */
export const LOOP_DELAY_MS: Limits = { warn: 5, bad: 20 }
/** A twentieth of a typical TTFT is noise to most comparisons; a fifth is not. */
export const LOOP_DELAY_OF_TTFT: Limits = { warn: 0.05, bad: 0.2 }
/** A single queue's waiting time grows as 1/(1 - busy): fivefold at 0.8, twentyfold at 0.95. */
export const THREAD_BUSY: Limits = { warn: 0.8, bad: 0.95 }
/** Each pause stops every stream at once; a twentieth of the time is felt in the tails. */
export const GC_SHARE: Limits = { warn: 0.05, bad: 0.15 }
/** A read takes up to 64 kB, hundreds of tokens: more unread data than that is a queue at the client. */
export const WAITING_BYTES: Limits = { warn: 65_536, bad: 1_048_576 }
/** Gaps are differences of two stamps: each may be off by this. */
export const LATE_OF_ITL: Limits = { warn: 0.2, bad: 1 }
/** Below this a late stamp is within what a kernel takes to wake a thread. */
export const LATE_MS: Limits = { warn: 1, bad: 2 }

/** The loop's p99 delay, in all but the worst tenth of the windows, against TTFT. */
export const eventLoopDelay: Rule = (figures) => {
  const ns = worst(tracksNamed(figures, 'client', 'event_loop_delay_p99_ns'), 'p90')
  if (ns === null) return null
  const ms = ns / 1e6
  const ttft = typicalMs(figures.latency.ttft_ms)
  const alone = levelOf(ms, LOOP_DELAY_MS)
  const level = ttft === null ? alone : milder(alone, levelOf(ms / ttft, LOOP_DELAY_OF_TTFT))
  if (level === null) return null
  const against = ttft === null ? '' : `, against a typical TTFT of ${duration(ttft)}`
  return {
    level,
    what: 'client',
    text: `The client ${limited(level)} this run: its event loop was ${duration(ms)} late (p99 of a second)${against}`,
  }
}

export const threadBusy: Rule = (figures) => {
  // A loop that spins on purpose is always busy; that it is not late speaks for it.
  if (figures.run.plan?.pacing === 'precise') return null
  const loop = worst(tracksNamed(figures, 'client', 'event_loop_utilization_ratio'), 'p90')
  const thread = worst(tracksNamed(figures, 'client', 'thread_cpu_cores'), 'p90')
  const busy = Math.max(loop ?? 0, thread ?? 0)
  const level = levelOf(busy, THREAD_BUSY)
  if (level === null) return null
  return {
    level,
    what: 'client',
    text: `The client ${limited(level)} this run: its thread was ${percent(Math.min(1, busy))} busy`,
  }
}

export const garbageCollection: Rule = (figures) => {
  const share = shareOfSpan(figures, tracksNamed(figures, 'client', 'gc_pause_ns'))
  const level = share === null ? null : levelOf(share, GC_SHARE)
  if (share === null || level === null) return null
  return { level, what: 'client', text: `The client's garbage collection took ${percent(share)} of the time` }
}

export const bytesWaiting: Rule = (figures) => {
  const waiting = worst(tracksNamed(figures, 'client', 'bytes_waiting'), 'p90')
  const level = waiting === null ? null : levelOf(waiting, WAITING_BYTES)
  if (waiting === null || level === null) return null
  return { level, what: 'client', text: `The client read too slowly: ${bytes(waiting)} waited in its sockets` }
}

export const lateStamps: Rule = ({ stream, latency }) => {
  const enough = stream.late_p99_ms !== null
  const late = stream.late_p99_ms ?? stream.late_max_ms
  const itl = typicalMs(latency.itl_ms)
  if (late === null || itl === null || itl === 0) return null
  const found = milder(levelOf(late, LATE_MS), levelOf(late / itl, LATE_OF_ITL))
  if (found === null) return null
  // One late stamp among few says little of the others.
  const level = enough ? found : 'warn'
  const text = `Token timestamps may be up to ${duration(late)} late (${enough ? 'p99' : 'the worst'}); a typical gap is ${duration(itl)}, so ITL tails are not reliable`
  return { level, what: 'stamps', text }
}

const CLIENT_RULES: readonly Rule[] = [eventLoopDelay, threadBusy, garbageCollection, bytesWaiting]

function limited(level: 'warn' | 'bad'): string {
  return level === 'bad' ? 'limited' : 'may have limited'
}

/** All evidence against the client and its machine that has its own lines in the verdict. */
export function clientEvidence(figures: Figures): VerdictLine[] {
  const lag = startLag(figures)
  const room = sameHost(figures)
  return [
    ...[portsGone, lostWorkers, ...CLIENT_RULES, lateStamps, runQueue, unsentRequests].flatMap(
      (rule) => rule(figures) ?? [],
    ),
    ...(lag === null || figures.run.loop === 'closed' ? [] : [lag]),
    ...[stolenTime, throttledTime, busyMachine, waitingThread].flatMap((rule) => rule(figures) ?? []),
    // If the CPUs were not measured, that is no evidence against the client.
    ...(room !== null && machineBusy(figures) !== null ? [room] : []),
  ].filter(({ level }) => level === 'bad' || level === 'warn')
}

/** Whether both its event loop and its CPU time were watched. */
export function clientMeasured(figures: Figures): boolean {
  const { delay, busy } = watched(figures)
  return delay !== null && busy !== null
}

/** What each line of evidence means, where the client has no line of its own that says it. */
const MEANS: Readonly<Record<string, string>> = {
  stamps: 'its token timestamps are late',
  run_queue: 'it waited for a CPU',
  schedule: 'requests began late or were never sent',
  steal: "the hypervisor took its machine's CPU time",
  throttled: "its cgroup's CPU limit applied",
  cpu: 'its machine was busy',
  os_run_queue: 'threads that it shares CPUs with waited for one',
  same_host: 'it was short of CPU beside the server',
}
/** Lines that name the client themselves. */
const NAMED = ['client', 'ports', 'workers']

/** What the assessment of the client says; a client that was not measured is never called fine. */
export function clientLines(figures: Figures, { state, lines }: Assessed): VerdictLine[] {
  const own = [...CLIENT_RULES, lateStamps].flatMap((rule) => rule(figures) ?? [])
  if (lines.some(({ what }) => NAMED.includes(what))) return own
  const { delay, busy } = watched(figures)
  if (state === 'limits' || state === 'may_limit') {
    const level = state === 'limits' ? 'bad' : 'warn'
    const why = [...new Set(lines.filter((line) => line.level === level).map(({ what }) => MEANS[what] ?? what))]
    return [{ level, what: 'client', text: `The client ${limited(level)} this run: ${why.join(', ')}` }, ...own]
  }
  if (delay === null || busy === null) {
    const what = delay === null && busy === null ? 'Its state' : delay === null ? 'Its event loop' : 'Its CPU time'
    const text = `Not known whether the client limited this run. ${what} was not measured`
    return [{ level: 'warn', what: 'client', text }, ...own]
  }
  const text = `The client did not limit this run: its event loop was ${duration(delay / 1e6)} late (p99 of a second), its thread ${percent(Math.min(1, busy))} busy`
  return [{ level: 'ok', what: 'client', text }, ...own]
}

function watched(figures: Figures): { delay: number | null; busy: number | null } {
  const delay = worst(tracksNamed(figures, 'client', 'event_loop_delay_p99_ns'), 'p90')
  const loop = worst(tracksNamed(figures, 'client', 'event_loop_utilization_ratio'), 'p90')
  const thread = worst(tracksNamed(figures, 'client', 'thread_cpu_cores'), 'p90')
  return { delay, busy: loop === null && thread === null ? null : Math.max(loop ?? 0, thread ?? 0) }
}
