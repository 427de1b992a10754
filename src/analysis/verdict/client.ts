import type { VerdictLine } from '../../trace/run-json.ts'
import { bytes, duration, percent } from '../quantity.ts'
import type { Figures } from '../report.ts'
import { type Limits, levelOf, milder, type Rule, shareOfSpan, tracksNamed, typicalMs, worst } from './rule.ts'

/** A loop this late moves a first token's stamp by as much: small against what servers take, until it is not. */
export const LOOP_DELAY_MS: Limits = { warn: 5, bad: 20 }
/** A twentieth of a typical TTFT is noise to most comparisons; a fifth is not. */
export const LOOP_DELAY_OF_TTFT: Limits = { warn: 0.05, bad: 0.2 }
/** A single queue's waiting time grows as 1/(1 - busy): fivefold at 0.8, twentyfold at 0.95. */
export const THREAD_BUSY: Limits = { warn: 0.8, bad: 0.95 }
/** Each pause stops every stream at once; a twentieth of the time is felt in the tails. */
export const GC_SHARE: Limits = { warn: 0.05, bad: 0.15 }
/** A read takes up to 64 kB, hundreds of tokens: more than that unread is a queue in front of us. */
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
  const text = `Token stamps may be ${duration(late)} late (${enough ? 'p99' : 'the worst'}), against typical gaps of ${duration(itl)}: read ITL tails with that in mind`
  return { level, what: 'stamps', text }
}

const CLIENT_RULES: readonly Rule[] = [eventLoopDelay, threadBusy, garbageCollection, bytesWaiting]

function limited(level: 'warn' | 'bad'): string {
  return level === 'bad' ? 'limited' : 'may have limited'
}

/** What was found against the client; else what speaks for it; a client that was not measured is never said to be fine. */
export function clientLines(figures: Figures): VerdictLine[] {
  const found = [...CLIENT_RULES, lateStamps].flatMap((rule) => rule(figures) ?? [])
  if (found.some((line) => line.what === 'client')) return found
  const delay = worst(tracksNamed(figures, 'client', 'event_loop_delay_p99_ns'), 'p90')
  const loop = worst(tracksNamed(figures, 'client', 'event_loop_utilization_ratio'), 'p90')
  const thread = worst(tracksNamed(figures, 'client', 'thread_cpu_cores'), 'p90')
  const busy = loop === null && thread === null ? null : Math.max(loop ?? 0, thread ?? 0)
  if (delay === null || busy === null) {
    const what = delay === null && busy === null ? 'Its state' : delay === null ? 'Its event loop' : 'Its CPU time'
    return [
      {
        level: 'warn',
        what: 'client',
        text: `Not known whether the client limited this run. ${what} was not measured`,
      },
      ...found,
    ]
  }
  const text = `The client did not limit this run: its event loop ${duration(delay / 1e6)} late (p99 of a second), its thread ${percent(busy)} busy`
  return [{ level: 'ok', what: 'client', text }, ...found]
}
