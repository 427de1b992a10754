import type { VerdictLine } from '../../trace/run-json.ts'
import type { Status } from '../../trace/tables.ts'
import { duration, many, percent } from '../quantity.ts'
import type { Figures } from '../report.ts'
import type { Assessed } from './assessed.ts'
import { burstLevel, burstyStreams } from './bursts.ts'
import { type Limits, levelOf, type Rule, typicalMs } from './rule.ts'

/** Establishing a connection takes one round trip (TLS: two or three); TTFT holds one too. */
export const CONNECT_OF_TTFT: Limits = { warn: 0.25, bad: Number.POSITIVE_INFINITY }
/** One broken connection in a hundred is a fault to look for; one in twenty decides what the run shows. */
export const BROKEN_SHARE: Limits = { warn: 0.01, bad: 0.05 }
/** Answers that arrive in one instant have no gaps: half of them, and the run's ITL means nothing. */
export const BUFFERED_SHARE: Limits = { warn: 0.05, bad: 0.5 }
/** With this many events sharing a read, raw gaps are zeros and sums of gaps. */
export const COALESCED_NOTE = 0.05
export const COALESCED_WARN = 0.25

const BROKEN: readonly Status[] = ['connect_error', 'reset', 'truncated']

export const brokenConnections: Rule = ({ offered }) => {
  const broken = offered.by_status
    .filter(({ status, phase }) => phase === 'measured' && BROKEN.includes(status))
    .reduce((sum, { requests }) => sum + requests, 0)
  const level = levelOf(broken / Math.max(1, offered.requests), BROKEN_SHARE)
  if (level === null) return null
  return { level, what: 'network', text: `${many('request', broken)} lost to connections refused, reset or cut short` }
}

export const bufferedStreams: Rule = ({ stream }) => {
  const share = stream.buffered_share
  const level = share === null ? null : levelOf(share, BUFFERED_SHARE)
  if (share === null || level === null) return null
  const text = `${percent(share)} of the streams came all at once: something between server and client buffers them, and their ITL means nothing`
  return { level, what: 'network', text }
}

export const roundTrip: Rule = ({ latency }) => {
  const connect = typicalMs(latency.connect_ms)
  const ttft = typicalMs(latency.ttft_ms)
  if (connect === null || ttft === null || ttft === 0 || levelOf(connect / ttft, CONNECT_OF_TTFT) === null) return null
  const text = `The network is much of what was measured: connecting took ${duration(connect)}, a typical TTFT ${duration(ttft)}`
  return { level: 'warn', what: 'network', text }
}

/** Of bursts their own line says more. */
export const coalescedEvents: Rule = ({ stream }) => {
  const share = stream.coalesced_share
  if (share === null || share < COALESCED_NOTE || burstLevel(stream) !== null) return null
  const text = `${percent(share)} of the events shared a read with another: gaps are zeros and sums there, in ITL and in itl_amortized`
  return { level: share >= COALESCED_WARN ? 'warn' : 'note', what: 'coalesced', text }
}

/** All that speaks against the network between client and server. */
export function networkEvidence(figures: Figures): VerdictLine[] {
  return [brokenConnections, bufferedStreams, burstyStreams, roundTrip].flatMap((rule) => rule(figures) ?? [])
}

/** What was found against the network; else what speaks for it, if a connection was seen being made. */
export function networkLines(figures: Figures, { lines }: Assessed): VerdictLine[] {
  const coalesced = coalescedEvents(figures)
  return [...(lines.length > 0 ? lines : [networkAnswer(figures)]), ...(coalesced === null ? [] : [coalesced])]
}

function networkAnswer({ latency }: Figures): VerdictLine {
  const connect = typicalMs(latency.connect_ms)
  const ttft = typicalMs(latency.ttft_ms)
  if (connect !== null && ttft !== null) {
    const text = `The network did not limit this run: connecting took ${duration(connect)}, a typical TTFT ${duration(ttft)}`
    return { level: 'ok', what: 'network', text }
  }
  const why = ttft === null ? 'no first token was seen' : 'no measured request made a connection of its own'
  return { level: 'note', what: 'network', text: `Not known how much of this run is network: ${why}` }
}
