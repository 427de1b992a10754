/**
 * Time inside Layerline: ns since the run's epoch, a plain double (exact for 104 days), read from the
 * monotonic clock. Unix times are bigint and appear only where a file or a wire is read or written.
 */
export interface ClockBase {
  /** Unix ns of the run's zero, as a bigint: it does not fit a double. */
  readonly epochUnixNs: bigint
  /** `process.hrtime.bigint()` at the run's zero; the same in every thread and process of this machine. */
  readonly monotonicBaseNs: bigint
}

export interface RunClock extends ClockBase {
  /** ns since the run's epoch. */
  now(): number
  /** Converts a `performance.now()` reading of this thread, ms, to ns since the epoch. */
  fromPerformance(ms: number): number
}

/** A bracket wider than this came from an interrupted or not yet compiled loop: worth another tick. */
const GOOD_BRACKET_NS = 1000
const MAX_TICKS = 4

/**
 * Unix ns minus monotonic ns, measured where the millisecond of the system's clock ticks over: Node offers
 * that clock only in whole ms, but the moment of the tick is exact. Spins for 1 ms, at most for 4.
 */
export function unixMinusMonotonic(): { offsetNs: bigint; uncertaintyNs: number } {
  let best = atNextTick()
  for (let tries = 1; tries < MAX_TICKS && best.uncertaintyNs > GOOD_BRACKET_NS; tries++) {
    const next = atNextTick()
    if (next.uncertaintyNs < best.uncertaintyNs) best = next
  }
  return best
}

function atNextTick(): { offsetNs: bigint; uncertaintyNs: number } {
  // The tick happened after the last look that did not see it: a thread that is descheduled between two looks must
  // report that.
  let before = process.hrtime.bigint()
  const startMs = Date.now()
  for (;;) {
    const between = process.hrtime.bigint()
    const ms = Date.now()
    const after = process.hrtime.bigint()
    if (ms !== startMs) {
      return { offsetNs: BigInt(ms) * 1_000_000n - (before + after) / 2n, uncertaintyNs: Number(after - before) }
    }
    before = between
  }
}

/** A clock that starts now, or, given a base, the same clock in another thread or process of this machine. */
export function createRunClock(base: ClockBase = startClock()): RunClock {
  let zeroMs = 0
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 16; i++) {
    const before = performance.now()
    const sinceZeroNs = Number(process.hrtime.bigint() - base.monotonicBaseNs)
    const after = performance.now()
    if (after - before < best) {
      best = after - before
      zeroMs = (before + after) / 2 - sinceZeroNs / 1e6
    }
  }
  return {
    epochUnixNs: base.epochUnixNs,
    monotonicBaseNs: base.monotonicBaseNs,
    now: () => (performance.now() - zeroMs) * 1e6,
    fromPerformance: (ms) => (ms - zeroMs) * 1e6,
  }
}

function startClock(): ClockBase {
  const { offsetNs } = unixMinusMonotonic()
  const monotonicBaseNs = process.hrtime.bigint()
  return { epochUnixNs: monotonicBaseNs + offsetNs, monotonicBaseNs }
}

/** `20261122-034501` in UTC: the stamp in run folder names. */
export function compactStamp(date: Date): string {
  return date.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
}
