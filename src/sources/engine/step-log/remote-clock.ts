import type { ClockFix } from '../../host-clock.ts'
import type { ClockLine, StepLogHead } from './step-lines.ts'
import type { StepClock } from './step-rows.ts'

/**
 * Times of a log on another machine: its monotonic clock is converted to its Unix clock by fixes in the log itself, and
 * that to the run's clock by the last measured fix.
 */
export class RemoteClock {
  readonly name: string
  fix: ClockFix | null = null
  private readonly epochUnixNs: bigint

  constructor(name: string, epochUnixNs: bigint) {
    this.name = name
    this.epochUnixNs = epochUnixNs
  }

  /** The times of one log. */
  of(head: StepLogHead): StepClock & { see(line: ClockLine): void } {
    // Unix ns since the run's epoch at the head's monotonic_ns.
    let baseNs = Number(BigInt(head.unix_ns) - this.epochUnixNs)
    return {
      name: this.name,
      runNs: (sinceHeadNs) => baseNs + sinceHeadNs - (this.fix?.offsetNs ?? 0),
      see: ({ m, u }) => {
        baseNs = Number(BigInt(u) - BigInt(Math.round(m)) - this.epochUnixNs)
      },
    }
  }
}
