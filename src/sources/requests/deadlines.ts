import type { RunClock } from '../../base/time.ts'

const GRAIN_MS = 20

export interface Deadlined {
  /** Its place among the others; theirs to set. */
  slot: number
  /** Called every 20 ms. */
  checkDeadlines(nowNs: number): void
}

/**
 * One coarse timer for the timeouts of all requests; it runs while there are any. An array and no Set: the tables that a
 * Set outgrows point to the next, and once one of them is old, all that ever was in flight outlives young collections.
 */
export class Deadlines<T extends Deadlined> {
  private readonly clock: RunClock
  private readonly flights: T[] = []
  private timer: NodeJS.Timeout | null = null

  constructor(clock: RunClock) {
    this.clock = clock
  }

  get size(): number {
    return this.flights.length
  }

  /** Those of now, to go through while they come and go. */
  all(): T[] {
    return [...this.flights]
  }

  add(flight: T): void {
    flight.slot = this.flights.length
    this.flights.push(flight)
    this.timer ??= setInterval(() => {
      const nowNs = this.clock.now()
      // From the end: one that goes is replaced by one that was looked at.
      for (let i = this.flights.length - 1; i >= 0; i--) this.flights[i]?.checkDeadlines(nowNs)
    }, GRAIN_MS)
  }

  delete(flight: T): void {
    if (this.flights[flight.slot] !== flight) return
    const last = this.flights.pop() as T
    if (last !== flight) {
      this.flights[flight.slot] = last
      last.slot = flight.slot
    }
    if (this.flights.length === 0 && this.timer !== null) {
      clearInterval(this.timer)
      this.timer = null
    }
  }
}
