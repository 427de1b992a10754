import type { RunClock } from '../base/time.ts'

/** A clock's alignment with the run's: offsets are that clock minus the run's, less the run's epoch. */
export interface ClockFix {
  tNs: number
  offsetNs: number
  uncertaintyNs: number
  rttNs: number | null
}

/** One question to a host for its time, in run time, and its answer: Unix µs. */
export interface ClockProbe {
  sentNs: number
  receivedNs: number
  unixUs: number
}

/** `1763787999.123456` (a comma in some locales) in µs; NaN for anything else. */
export function parseUnixUs(text: string): number {
  const match = /^(\d{9,11})[.,](\d{6})\d*$/.exec(text)
  return match === null ? Number.NaN : Number(`${match[1]}${match[2]}`)
}

/**
 * The fix that the fastest of some probes gives: the answer was read between question and answer, so half the round
 * trip bounds the error, plus the resolution of the answer.
 */
export function fixFrom(probes: readonly ClockProbe[], clock: RunClock): ClockFix | null {
  let best: ClockProbe | null = null
  for (const probe of probes) {
    if (Number.isNaN(probe.unixUs)) continue
    if (best === null || probe.receivedNs - probe.sentNs < best.receivedNs - best.sentNs) best = probe
  }
  if (best === null) return null
  const rttNs = best.receivedNs - best.sentNs
  const middle = best.sentNs + rttNs / 2
  return {
    tNs: middle,
    offsetNs: sinceEpoch(clock, best.unixUs) - middle,
    uncertaintyNs: rttNs / 2 + 1000,
    rttNs,
  }
}

/** Unix µs as ns since the run's epoch; exact. */
export function sinceEpoch(clock: RunClock, unixUs: number): number {
  return (unixUs - Number(clock.epochUnixNs / 1000n)) * 1000 - Number(clock.epochUnixNs % 1000n)
}

/** Every zone in use is a whole number of these from UTC. */
const QUARTER_MS = 15 * 60_000

/**
 * How far a local time without a zone is from UTC. It is not asked for: the sampler may have another zone than a shell on
 * its host, and the clock may be put forward in the night. It is the whole number of quarters of an hour that brings a
 * line's stamp nearest to the host's own Unix time when the line came.
 */
export class LocalZone {
  /** Null until the first line. */
  offsetMs: number | null = null

  /** `unixMs`: that host's Unix time now. True if the zone is new. */
  see(localMs: number, unixMs: number): boolean {
    const { offsetMs } = this
    if (offsetMs !== null && Math.abs(localMs - offsetMs - unixMs) <= QUARTER_MS / 2) return false
    this.offsetMs = Math.round((localMs - unixMs) / QUARTER_MS) * QUARTER_MS
    return this.offsetMs !== offsetMs
  }
}

/** nvidia-smi's stamps, local time of its host without a zone, as run time. */
export class LocalStamps {
  private readonly clock: RunClock
  private readonly zone = new LocalZone()
  private readonly epochMs: number
  private readonly epochRestNs: number

  constructor(clock: RunClock) {
    this.clock = clock
    this.epochMs = Number(clock.epochUnixNs / 1_000_000n)
    this.epochRestNs = Number(clock.epochUnixNs % 1_000_000n)
  }

  /** The host's local time minus its Unix time, ns; null before the first stamp. */
  get zoneNs(): number | null {
    return this.zone.offsetMs === null ? null : this.zone.offsetMs * 1e6
  }

  /** Learns the zone from a line that came just now. True if it changed. */
  see(localMs: number, unixOffsetNs: number): boolean {
    return this.zone.see(localMs, this.epochMs + (this.clock.now() + unixOffsetNs + this.epochRestNs) / 1e6)
  }

  /** Run time of a stamp, given that host's Unix time minus the run's. */
  runTime(localMs: number, unixOffsetNs: number): number {
    return (localMs - (this.zone.offsetMs ?? 0) - this.epochMs) * 1e6 - this.epochRestNs - unixOffsetNs
  }
}
