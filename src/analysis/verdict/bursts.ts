import type { StreamFacts } from '../latency/stream-facts.ts'
import { duration, percent } from '../quantity.ts'
import { type Limits, levelOf, type Rule } from './rule.ts'

/** Gaps within one read are zero: if half of all gaps are, the median ITL is zero. */
export const BURST_SHARE: Limits = { warn: 0.25, bad: 0.5 }
/** Fewer events a read come of a fast server and a busy kernel. */
export const BURST_EVENTS = 3
/** Reads closer together than this count as one arrival. */
export const BURST_EVERY_MS = 2

/**
 * Streams that arrive in bursts: a proxy that buffers, or a server that writes every so many tokens. ITL is then the
 * rhythm of the bursts; spreading a burst over its events would be a guess, and TPOT lacks up to one burst.
 */
export const burstyStreams: Rule = ({ stream }) => {
  const found = burstLevel(stream)
  if (found === null) return null
  const size = Math.round(stream.burst_events as number)
  const every = stream.burst_every_ms as number
  const text = `Streams came in bursts: ${size} events at once, every ${duration(every)} (${percent(stream.burst_share as number)} of the gaps are within a burst). Something between server and client holds tokens back: ITL is its rhythm, not the server's; TTFT is up to ${duration(every)} too high, and TPOT short of up to one burst an answer`
  return { level: found, what: 'bursts', text }
}

/** Null where events come one by one, and where the client read so many of them so late that it made the bursts itself. */
export function burstLevel(stream: StreamFacts): 'warn' | 'bad' | null {
  const { burst_share: share, burst_events: events, burst_every_ms: everyMs } = stream
  if (share === null || events === null || everyMs === null) return null
  const lateMs = stream.burst_late_ms ?? 0
  if (events < BURST_EVENTS || everyMs < BURST_EVERY_MS || lateMs > everyMs / 2) return null
  return levelOf(share, BURST_SHARE)
}
