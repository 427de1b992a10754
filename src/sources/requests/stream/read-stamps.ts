import type { RunClock } from '../../../base/time.ts'

/**
 * The time of the current socket read, and the most that it can be late. Bytes found by a poll of the event loop
 * came in after the poll before it had returned, and a poll that waits ends when bytes come; so no byte is older
 * than the time this thread was *busy* since then. Busy time is the clock less the loop's own idle time. The
 * previous poll's return is bounded from below by the last moment seen before it: the end of the iteration but
 * one. The kernel's wake-up of a waiting thread is not in it.
 */
export class ReadStamps {
  /** ns since the epoch. */
  tNs = 0
  lateNs = 0
  /** Counts reads: events of one serial came out of one read. */
  serial = 0
  private readonly clock: RunClock
  private iterationOpen = false
  private idleAndReferenceMs = 0
  private busyAtLastEndMs: number
  private busyAtEndBeforeMs: number
  private readonly onIterationEnd: () => void

  constructor(clock: RunClock) {
    this.clock = clock
    this.busyAtLastEndMs = busyMs()
    this.busyAtEndBeforeMs = this.busyAtLastEndMs
    this.onIterationEnd = () => {
      this.iterationOpen = false
      this.busyAtEndBeforeMs = this.busyAtLastEndMs
      this.busyAtLastEndMs = busyMs()
    }
  }

  /** Call once at the start of a read callback. */
  take(): void {
    const ms = performance.now()
    if (!this.iterationOpen) {
      this.iterationOpen = true
      this.idleAndReferenceMs = performance.nodeTiming.idleTime + this.busyAtEndBeforeMs
      setImmediate(this.onIterationEnd)
    }
    this.tNs = this.clock.fromPerformance(ms)
    this.lateNs = (ms - this.idleAndReferenceMs) * 1e6
    this.serial++
  }

  /** Bytes of an earlier read come out only now, decoded: they keep its time. */
  put(tNs: number, lateNs: number): void {
    this.tNs = tNs
    this.lateNs = lateNs
    this.serial++
  }
}

function busyMs(): number {
  return performance.now() - performance.nodeTiming.idleTime
}
