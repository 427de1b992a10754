import type { Flow } from './flow.ts'

/** What the rows say of a load that was offered whatever the server did. */
export type BacklogState = 'kept_up' | 'overloaded' | 'undecided'

/** Requests that wait in the engine, means over the first and the last fifth of the offering. */
export interface EngineQueue {
  readonly waiting_first: number | null
  readonly waiting_last: number
}

export interface JudgedBacklog {
  readonly state: BacklogState
  /** Requests that should have been answered by the end of the offering and were not: its mean over the last twentieth. */
  readonly requests: number
  /** The largest share, of the windows looked at, of what was offered in one and added to the backlog. */
  readonly grown_share: number
  /** How long a queue a server at 80 % of its capacity would show once in a hundred looks, at this variability. */
  readonly usual_requests: number
  /** When the backlog began to last, s since the first request was ready; null if it does not last. */
  readonly since_s: number | null
  /** Answers per second while the backlog lasted, with a 95 % interval; null if it did not. */
  readonly sustained_per_s: { readonly value: number; readonly low: number; readonly high: number } | null
  /** From the end of the offering until all had left, less what an answer takes, s. */
  readonly drain_s: number
}

/** The end of the offering is looked at over this share of it, so that one burst does not decide. */
const END_SHARE = 0.05
/**
 * Windows that end with the offering: the share of it, and the share of what was offered in the window that has to have
 * become backlog. A server asked for 130 % of its capacity leaves 1 - 1 / 1.3 = 23 % undone.
 */
const WINDOWS = [
  { share: 1, grown: 0.1 },
  { share: 0.5, grown: 0.13 },
  { share: 0.25, grown: 0.18 },
] as const
/** Below this everywhere, the server kept up. */
const KEPT_UP = 0.05
/** A backlog of a part of the run has to be above what the part before it had seen at its worst. */
const ABOVE_EARLIER = 1.5
/** The backlog counts as gone at this share of its final size. */
const GONE_SHARE = 0.05
/** The server works at its capacity while this share of the final backlog is left. */
const DRAINING_SHARE = 0.5
/**
 * The engine's own queue holds only what waits: no answer's time has to be taken off, so less growth of it decides. It is compared over the four fifths of the offering
 * between the middles of the first and the last fifth.
 */
const QUEUE_GROWN = 0.05
const QUEUE_SPAN = 0.8
const MIN_REQUESTS = 10
/** Fewer answers than this only show how a run starts, not its steady state. */
const MIN_ANSWERS = 3
const BLOCKS = 20
const RATE_BLOCKS = 10
/** Two-sided 95 % of Student's t with 9 degrees of freedom. */
const T_9 = 2.262

/**
 * Judges by the backlog B(t): requests that were ready `unqueued_s` before t, less those that had left by t. It stays where it is
 * while the server keeps up, whatever the arrivals do, and grows by offered minus sustained while it does not. Overloaded:
 * the backlog grew through the whole offering (or its last half or quarter) by a share that bursts do not explain, and is longer
 * than the queue of a server at 80 % of its capacity is once in a hundred looks. That length is the exponential tail of a queue
 * in heavy traffic (Kingman 1961): P(Q > x) = rho * exp(-2 x (1 - rho) / (rho (ca2 + cs2))), with the measured dispersion of
 * arrivals and answers as ca2 + cs2. What that leaves open, a queue of the engine's own that grew and is longer than that decides. Null where there is too little to judge.
 */
export function judgeBacklog(flow: Flow, queue: EngineQueue | null = null): JudgedBacklog | null {
  const { unqueued_s: unqueued, offering_s: offering, bin_s: width } = flow
  if (unqueued === null || flow.requests < MIN_REQUESTS) return null
  const backlog = backlogOf(flow, unqueued)
  const last = Math.min(backlog.length - 1, Math.floor(offering / width))
  const meanOver = (from: number, to: number) => mean(backlog.slice(Math.max(0, from), Math.max(from + 1, to)))
  const span = Math.max(1, Math.round(END_SHARE * last))
  const end = meanOver(last - span + 1, last + 1)
  const usual = usualQueue(flow, last)
  const windows = WINDOWS.map(({ share, grown }) => {
    const from = Math.round((1 - share) * last)
    const offered = sum(flow.ready.slice(from, last + 1))
    const before = share === 1 ? 0 : meanOver(from, from + span)
    const worst = share === 1 ? 0 : Math.max(0, ...backlog.slice(0, from))
    const growth = offered === 0 ? 0 : (end - before) / offered
    return { growth, over: growth >= grown && end >= usual && end >= ABOVE_EARLIER * worst }
  })
  const grown = Math.max(...windows.map(({ growth }) => growth))
  const whole = windows[0]?.growth ?? 0
  const over = windows.some((window) => window.over)
  const short = offering < MIN_ANSWERS * unqueued
  // A backlog that was as long in the first half, and went away, is that of bursts.
  const usualHere = Math.max(usual, ...backlog.slice(0, Math.round(last / 2)))
  const keptUp = whole < KEPT_UP && end < usualHere
  const byBacklog: BacklogState = short ? 'undecided' : over ? 'overloaded' : keptUp ? 'kept_up' : 'undecided'
  const state = byBacklog === 'undecided' && queueGrew(queue, flow.requests, usual) ? 'overloaded' : byBacklog
  const since = state === 'overloaded' ? standsSince(backlog, last, end) : null
  return {
    state,
    requests: Math.max(0, end),
    grown_share: grown,
    usual_requests: usual,
    since_s: since === null ? null : since * width,
    sustained_per_s: since === null ? null : sustained(flow, backlog, since, last, end, unqueued),
    drain_s: Math.max(0, backlog.length * width - offering - unqueued),
  }
}

function queueGrew(queue: EngineQueue | null, requests: number, usual: number): boolean {
  if (queue === null || queue.waiting_first === null) return false
  const grown = queue.waiting_last - queue.waiting_first
  return grown >= QUEUE_GROWN * QUEUE_SPAN * requests && queue.waiting_last >= usual
}

/** At the end of each stretch. */
function backlogOf({ ready, left, bin_s: width }: Flow, unqueuedS: number): number[] {
  const shift = unqueuedS / width
  const whole = Math.floor(shift)
  const part = shift - whole
  let due = 0
  let gone = 0
  return ready.map((_, i) => {
    due += (1 - part) * (ready[i - whole] ?? 0) + part * (ready[i - whole - 1] ?? 0)
    gone += left[i] as number
    return due - gone
  })
}

/** x with P(Q > x) = 1 % at rho = 0.8, and three requests more: few requests allow no finer limit. */
function usualQueue(flow: Flow, last: number): number {
  const RHO = 0.8
  const dispersion = dispersionOf(flow.ready.slice(0, last + 1)) + dispersionOf(flow.left.slice(0, last + 1))
  return 3 + (Math.log(RHO / 0.01) * RHO * dispersion) / (2 * (1 - RHO))
}

/** Variance over mean of the counts in blocks, by differences of neighbours, which a trend does not enter. */
function dispersionOf(counts: readonly number[]): number {
  const blocks = blocksOf(counts, BLOCKS)
  const all = mean(blocks)
  if (all === 0 || blocks.length < 3) return 0
  const squares = blocks.slice(1).map((value, i) => (value - (blocks[i] as number)) ** 2 / 2)
  return mean(squares) / all
}

/** The stretch after the last one in which the backlog was gone. */
function standsSince(backlog: readonly number[], last: number, end: number): number {
  const gone = Math.max(1, GONE_SHARE * end)
  let since = last
  while (since > 0 && (backlog[since - 1] as number) > gone) since--
  return since
}

/** Answers a second from the moment an answer can show the backlog, until half of it has drained. */
function sustained(
  { ok, bin_s: width }: Flow,
  backlog: readonly number[],
  since: number,
  last: number,
  end: number,
  unqueuedS: number,
): JudgedBacklog['sustained_per_s'] {
  let to = last + 1
  while (to < backlog.length && (backlog[to] as number) > DRAINING_SHARE * end) to++
  const shift = Math.ceil(unqueuedS / width)
  const from = since + shift < to - RATE_BLOCKS ? since + shift : since
  if (to - from < RATE_BLOCKS) return null
  const seconds = (to - from) * width
  const value = sum(ok.slice(from, to)) / seconds
  const rates = blocksOf(ok.slice(from, to), RATE_BLOCKS).map((count) => (count * RATE_BLOCKS) / seconds)
  const spread = Math.sqrt(sum(rates.map((rate) => (rate - value) ** 2)) / (RATE_BLOCKS - 1) / RATE_BLOCKS)
  return { value, low: Math.max(0, value - T_9 * spread), high: value + T_9 * spread }
}

/** Sums of as many blocks of equal length; a stretch over a border is divided. */
function blocksOf(counts: readonly number[], blocks: number): number[] {
  const sums = Array.from({ length: blocks }, () => 0)
  for (const [i, count] of counts.entries()) {
    if (count === 0) continue
    const from = (i * blocks) / counts.length
    const to = ((i + 1) * blocks) / counts.length
    for (let block = Math.floor(from); block < Math.min(blocks, to); block++) {
      sums[block] = (sums[block] as number) + (count * (Math.min(to, block + 1) - Math.max(from, block))) / (to - from)
    }
  }
  return sums
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length
}
