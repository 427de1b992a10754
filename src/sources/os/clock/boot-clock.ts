import type { OsClock } from '../os-messages.ts'

/** Calls of one look at the clock: the one that took least counts. */
const CALLS = 20
/** If no call was seen, this many ticks are used instead. */
const TICKS = 20

export function monotonicNs(): number {
  return Number(process.hrtime.bigint())
}

/**
 * Maps the kernel's boot clock, which stamps the probes, to the monotonic one, which stamps the run. A call that
 * Layerline makes and a probe stamps lies between two readings of Layerline's clock: half their distance bounds the
 * error.
 */
export class BootClock {
  /** Boot time minus monotonic time, ns; null until it is known. */
  offsetNs: number | null = null
  private readonly report: (clock: OsClock) => void
  private brackets: { beforeNs: number; afterNs: number }[] = []
  private stamps: number[] = []
  private least = Number.POSITIVE_INFINITY
  private ticks = 0

  constructor(report: (clock: OsClock) => void) {
    this.report = report
  }

  /** Makes the calls; what the probe stamped comes back by `stamped`. */
  look(): void {
    this.brackets = []
    this.stamps = []
    for (let i = 0; i < CALLS; i++) {
      const beforeNs = monotonicNs()
      process.kill(process.pid, 0)
      this.brackets.push({ beforeNs, afterNs: monotonicNs() })
    }
  }

  stamped(bootNs: number): void {
    this.stamps.push(bootNs)
    // More or fewer than were made: another process made some, or one was lost. The next look will succeed.
    if (this.stamps.length !== this.brackets.length) return
    const [best] = this.brackets
      .map(({ beforeNs, afterNs }, i) => ({
        offsetNs: (this.stamps[i] as number) - (beforeNs + afterNs) / 2,
        widthNs: afterNs - beforeNs,
      }))
      .sort((a, b) => a.widthNs - b.widthNs)
    if (best === undefined) return
    this.offsetNs = best.offsetNs
    this.report({
      tNs: monotonicNs(),
      offsetNs: best.offsetNs,
      uncertaintyNs: best.widthNs / 2,
      method: "a system call of Layerline's, stamped by its probe",
    })
  }

  /** A tick arrived: its maximum delay bounds the difference of the clocks. */
  tick(bootNs: number): void {
    const sinceNs = monotonicNs() - bootNs
    this.least = Math.min(this.least, sinceNs)
    if (++this.ticks !== TICKS || this.offsetNs !== null) return
    this.offsetNs = -this.least
    this.report({
      tNs: monotonicNs(),
      offsetNs: this.offsetNs,
      uncertaintyNs: 1e6,
      method: 'the ticks that arrived soonest',
    })
  }

  toMonotonic(bootNs: number): number {
    return bootNs - (this.offsetNs ?? 0)
  }
}
