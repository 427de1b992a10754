import type { RunReader } from '../../store/read/run-reader.ts'
import type { Distribution } from '../intervals/distribution.ts'
import { rowDistributions } from '../intervals/row-distributions.ts'
import { BEGIN_NS, E2E_NS, MEASURED, TIMED, TPOT_NS, TTFT_NS } from '../populations.ts'
import type { Offered, Span } from '../requests/offered.ts'
import { countOf, numberOf, oneRow } from '../rows.ts'
import { type Cuts, steadyCuts } from './mser.ts'
import { type LoadBin, loadOverTime } from './over-time.ts'

const BINS = 100
/** Fewer requests than this, or one at a time, have no load that could settle. */
const MIN_REQUESTS = 30

/** How a run's load went over time, and the part of it in which it was steady. */
export interface SteadyState {
  /** Stretches of the measured span, all of one length. */
  over_time: { bin_s: number; bins: LoadBin[] }
  /** Null where the load did not settle. */
  window: SteadyWindow | null
  /** Where it had not settled: towards the `front`, the `back`, or `both` ends; null where it had. */
  unsettled: 'front' | 'back' | 'both' | null
}

export interface SteadyWindow {
  /** Seconds since the measured span began. */
  from_s: number
  to_s: number
  /** What is cut before and after it: time, and measured requests that started then. */
  warmup: { s: number; requests: number }
  drain: { s: number; requests: number }
  /** Measured requests that began within it. */
  requests: number
  ok: number
  offered_per_s: number
  /** Requests that ended ok within it. */
  answered_per_s: number
  in_flight: number
  output_tokens_per_s: number
  /** Of answered requests that began within it, and that no profiler slowed. */
  ttft_ms: Distribution
  tpot_ms: Distribution
  e2e_ms: Distribution
}

/**
 * The steady part of the measured span: up to the last request's start (after it the load drains), less what MSER cuts
 * at the start and the end of two series over 100 stretches, requests in flight and output tokens per second. Phases
 * stay as recorded. Null if there is too little load.
 */
export async function steadyState(
  reader: RunReader,
  span: Span | null,
  concurrency: Offered['concurrency'],
): Promise<SteadyState | null> {
  if (span === null || concurrency === null || concurrency.max < 2) return null
  const row = await oneRow(reader, `SELECT count(*) AS n, max(${BEGIN_NS}) AS last_begin FROM ${MEASURED}`)
  const lastBegin = numberOf(row, 'last_begin')
  if (countOf(row, 'n') < MIN_REQUESTS || lastBegin === null || lastBegin <= span.startNs) return null
  const over_time = {
    bin_s: (span.endNs - span.startNs) / BINS / 1e9,
    bins: await loadOverTime(reader, span, BINS),
  }
  const offering: Span = { startNs: span.startNs, endNs: lastBegin }
  const load = await loadOverTime(reader, offering, BINS)
  const cuts: Cuts = steadyCuts([load.map((bin) => bin.in_flight), load.map((bin) => bin.output_tokens_per_s)])
  if ('unsettled' in cuts) return { over_time, window: null, unsettled: cuts.unsettled }
  const widthNs = (offering.endNs - offering.startNs) / BINS
  const within: Span = { startNs: offering.startNs + cuts.front * widthNs, endNs: offering.endNs - cuts.back * widthNs }
  const inside = load.slice(cuts.front, BINS - cuts.back)
  return { over_time, unsettled: null, window: await windowFigures(reader, span, within, inside) }
}

async function windowFigures(
  reader: RunReader,
  span: Span,
  within: Span,
  inside: readonly LoadBin[],
): Promise<SteadyWindow> {
  const begin = `coalesce(${BEGIN_NS}, scheduled_ns)`
  const begun = `${begin} >= ${within.startNs} AND ${begin} <= ${within.endNs}`
  const counts = await oneRow(
    reader,
    `SELECT count(*) FILTER (${begin} < ${within.startNs}) AS before, count(*) FILTER (${begin} > ${within.endNs}) AS after,
      count(*) FILTER (${begun}) AS inside, count(*) FILTER (${begun} AND status = 'ok') AS ok FROM ${MEASURED}`,
  )
  const answered = await rowDistributions(reader, `(SELECT * FROM ${TIMED} WHERE ${begun})`, {
    ttft: TTFT_NS,
    tpot: TPOT_NS,
    e2e: E2E_NS,
  })
  const mean = (key: keyof LoadBin) => inside.reduce((sum, bin) => sum + bin[key], 0) / inside.length
  const seconds = (ns: number) => ns / 1e9
  return {
    from_s: seconds(within.startNs - span.startNs),
    to_s: seconds(within.endNs - span.startNs),
    warmup: { s: seconds(within.startNs - span.startNs), requests: countOf(counts, 'before') },
    drain: { s: seconds(span.endNs - within.endNs), requests: countOf(counts, 'after') },
    requests: countOf(counts, 'inside'),
    ok: countOf(counts, 'ok'),
    offered_per_s: mean('offered_per_s'),
    answered_per_s: mean('answered_per_s'),
    in_flight: mean('in_flight'),
    output_tokens_per_s: mean('output_tokens_per_s'),
    ttft_ms: answered.ttft,
    tpot_ms: answered.tpot,
    e2e_ms: answered.e2e,
  }
}
